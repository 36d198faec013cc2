using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Selectors;
using CsCheck;

namespace Bramble.Api.Tests.Selectors;

public sealed class LabelSelectorTests
{
    private static readonly string[] Words = ["a", "in", "notin", "(", ")", ",", "=", "!", " ", "==", ">", "x/y"];

    [Theory]
    [InlineData("", "")]
    [InlineData("a=b", "a=b")]
    [InlineData("x in (foo,,baz),y,z notin ()", "x in (,baz,foo),y,z notin ()")]
    [InlineData("b, a==c", "a==c,b")]
    [InlineData("!x", "!x")]
    [InlineData("x=", "x=")]
    [InlineData("x!=y,z>5,w<3", "w<3,x!=y,z>5")]
    [InlineData("value in (in,notin)", "value in (in,notin)")]
    public void Selectors_print_as_they_are_understood(string text, string printed) => Assert.Equal(printed, LabelSelector.Parse(text).ToString());

    [Theory]
    [InlineData("a in (b", "unable to parse requirement: found '', expected: ',' or ')'")]
    [InlineData("a,", "found '', expected: identifier after ','")]
    [InlineData("a in b", "unable to parse requirement: found 'b' expected: '('")]
    [InlineData("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt")]
    [InlineData("=a", "found '=', expected: !, identifier, or 'end of string'")]
    [InlineData("a>b", "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, the value must be an integer")]
    [InlineData("a/b/c", "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")]
    public void Errors_are_upstreams(string text, string error) => Assert.Equal(error, Assert.Throws<FormatException>(() => LabelSelector.Parse(text)).Message);

    [Theory]
    [InlineData("app=web", true)]
    [InlineData("app==web,tier", true)]
    [InlineData("app!=web", false)]
    [InlineData("other!=x", true)]
    [InlineData("!other", true)]
    [InlineData("!app", false)]
    [InlineData("app in (a,web)", true)]
    [InlineData("other notin (a)", true)]
    [InlineData("app notin (web)", false)]
    [InlineData("n>4", true)]
    [InlineData("n>5", false)]
    [InlineData("n<6", true)]
    [InlineData("app>1", false)]
    [InlineData("other", false)]
    [InlineData("n>4,n<6,n!=7", true)]
    public void Objects_match_by_tree_and_by_bytes(string text, bool matches)
    {
        const string Pod = """{"kind":"Pod","metadata":{"name":"labels","annotations":{"app":"no"},"labels":{"app":"web","tier":"","n":"5"}},"spec":{}}""";
        var selector = LabelSelector.Parse(text);
        Assert.Equal(matches, selector.Matches(JsonNode.Parse(Pod)!.AsObject()));
        Assert.Equal(matches, selector.Matches(Encoding.UTF8.GetBytes(Pod)));
    }

    [Fact]
    public void An_object_without_labels_matches_what_asks_for_absence()
    {
        Assert.True(LabelSelector.Parse("!a,b!=c").Matches("""{"metadata":{"name":"x"}}"""u8));
        Assert.False(LabelSelector.Parse("a").Matches("""{"metadata":{"name":"x"}}"""u8));
    }

    [Fact]
    public void A_selector_object_reads_like_its_query_form()
    {
        var tree = JsonNode.Parse("""{"matchLabels":{"b":"1"},"matchExpressions":[{"key":"a","operator":"In","values":["x","y"]},{"key":"c","operator":"DoesNotExist"}]}""")!.AsObject();
        Assert.Equal("a in (x,y),b=1,!c", LabelSelector.FromObject(tree).ToString());
        Assert.False(LabelSelector.FromObject(null).Matches(_ => null));
        Assert.True(LabelSelector.FromObject([]).Matches(_ => null));
    }

    [Fact]
    public void Any_text_is_understood_or_refused()
    {
        var texts = Gen.OneOf(Gen.String, Gen.Int[0, Words.Length - 1].Select(i => Words[i]).Array[0, 12].Select(string.Concat));
        texts.Sample(text =>
        {
            try
            {
                var selector = LabelSelector.Parse(text);
                Assert.Equal(selector.ToString(), LabelSelector.Parse(selector.ToString()).ToString());
            }
            catch (FormatException e)
            {
                Assert.NotEmpty(e.Message);
            }
        });
    }
}
