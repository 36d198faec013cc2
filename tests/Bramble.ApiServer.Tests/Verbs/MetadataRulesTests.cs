using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.Tests.Verbs;

/// <summary>How often a wrong owner is complained of in an update: twice by the generic layer, then as the kind's own validation looks at metadata.</summary>
public class MetadataRulesTests
{
    public static TheoryData<string, MetadataPass[], int> Cases => new()
    {
        { "a Deployment looks at what changed", [MetadataPass.Changes], 3 },
        { "a ConfigMap looks at what changed and then at all", [MetadataPass.Changes, MetadataPass.Whole], 4 },
        { "an EndpointSlice looks at all", [MetadataPass.Whole], 3 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_wrong_owner_is_told_as_often_as_upstream_does(string name, MetadataPass[] passes, int count)
    {
        var meta = JsonNode.Parse("""{"name":"a","namespace":"n","resourceVersion":"1","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"o"}]}""")!.AsObject();
        var errors = new FieldErrors();
        MetadataRules.ValidateUpdate(meta, (JsonObject)meta.DeepClone(), isNamespaced: true, passes, (_, _) => [], errors);
        Assert.True(errors.Count == count, $"{name}: {string.Join("; ", errors)}");
        Assert.All(errors, error => Assert.Equal("metadata.ownerReferences.uid: Invalid value: \"\": must not be empty", error.ToString()));
    }
}
