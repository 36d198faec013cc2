using System.Text.Json.Nodes;
using Bramble.ApiServer.SpecialResources;

namespace Bramble.ApiServer.Tests.SpecialResources;

/// <summary>The selectors of access reviews.</summary>
public class AccessReviewTests
{
    private static JsonObject Attributes(string json) => JsonNode.Parse(json)!.AsObject();

    [Theory]
    [InlineData("""{"fieldSelector":{"rawSelector":"a=b,c!=d"},"labelSelector":{"rawSelector":"x in (y,z)"}}""", "a=b,c!=d", "x in (y,z)", "")]
    [InlineData("""{"fieldSelector":{"rawSelector":"a"},"labelSelector":{"rawSelector":"a in b"}}""", "", "",
        "spec.resourceAttributes.fieldSelector ignored due to parse error; spec.resourceAttributes.labelSelector ignored due to parse error")]
    [InlineData("""{"fieldSelector":{"requirements":[{"key":"a","operator":"In","values":["b,"]},{"key":"c","operator":"NotIn","values":["d"]},{"key":"e","operator":"Exists"}]}}""", "a=b\\,,c!=d", "",
        "spec.resourceAttributes.fieldSelector partially ignored due to parse error")]
    [InlineData("""{"fieldSelector":{"requirements":[{"key":"a","operator":"In","values":["b","c"]}]}}""", "", "", "spec.resourceAttributes.fieldSelector ignored due to parse error")]
    [InlineData("""{"labelSelector":{"requirements":[{"key":"a","operator":"In","values":["b"]},{"key":"c","operator":"Exists"},{"key":"d","operator":"Near","values":["e"]}]}}""", "", "a in (b),c",
        "spec.resourceAttributes.labelSelector partially ignored due to parse error")]
    public void A_review_asks_with_what_can_be_read_of_its_selectors(string json, string fields, string labels, string told)
    {
        var selectors = new ReviewedSelectors(Attributes(json));
        Assert.Equal((fields, labels, told), (selectors.Fields, selectors.Labels, string.Join("; ", selectors.Errors)));
    }

    [Fact]
    public void A_requirement_is_told_of_in_upstreams_order() => Assert.Equal(
        ["spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified",
         "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
         "spec.resourceAttributes.labelSelector.requirements[0].values[0]: Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"],
        AccessReviewRules.Validate(AccessReviewScope.OwnSubject, new JsonObject
        {
            ["spec"] = new JsonObject
            {
                ["resourceAttributes"] = Attributes("""{"fieldSelector":{"requirements":[{"operator":"In"}]},"labelSelector":{"requirements":[{"key":"a","operator":"In","values":["-"]}]}}"""),
            },
        }).Select(e => e.ToString()));
}
