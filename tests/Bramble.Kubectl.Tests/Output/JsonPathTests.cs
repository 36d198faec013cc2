using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Tests.Output;

public class JsonPathTests
{
    private const string Pods = """{"items":[{"metadata":{"name":"a","labels":{"app.kubernetes.io/name":"x"}},"spec":{"n":1}},{"metadata":{"name":"b"},"spec":{"n":2}}],"kind":"List"}""";

    public static TheoryData<string, string> Templates => new()
    {
        { "{.kind}", "List" },
        { "{.items[*].metadata.name}", "a b" },
        { "{.items[0].metadata.name}", "a" },
        { "{.items[-1].metadata.name}", "b" },
        { "{.items[0:1].metadata.name}", "a" },
        { "{range .items[*]}{.metadata.name}{\"\\t\"}{.spec.n}{\"\\n\"}{end}", "a\t1\nb\t2\n" },
        { "{.items[?(@.metadata.name==\"b\")].spec.n}", "2" },
        { "{.items[?(@.spec.n>1)].metadata.name}", "b" },
        { "{..name}", "a b" },
        { "{.items[0].metadata.labels.app\\.kubernetes\\.io/name}", "x" },
        { "{.items[0].metadata['name']}", "a" },
        { "name={.items[0].metadata.name}!", "name=a!" },
        { "{.items[0].spec}", "{\"n\":1}" },
        { "{.nope}", "" },
    };

    [Theory]
    [MemberData(nameof(Templates))]
    public void A_template_prints_what_kubectl_prints(string template, string expected) => Assert.Equal(expected, JsonPath.Parse(template).Format(JsonNode.Parse(Pods)));

    [Theory]
    [InlineData("{.items[}")]
    [InlineData("{.a")]
    [InlineData("{range .items[*]}x")]
    public void A_broken_template_is_an_error_not_a_crash(string template) => Assert.Throws<CommandFailure>(() => JsonPath.Parse(template));
}
