using System.Text.Json.Nodes;
using Bramble.ApiServer.Admission;

namespace Bramble.ApiServer.Tests.Admission;

public sealed class DefaultTolerationTests
{
    private const string NotReady = """{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":30}""";
    private const string Unreachable = """{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":60}""";

    [Theory]
    [InlineData("{}", $"[{NotReady},{Unreachable}]")]
    [InlineData("""{"tolerations":[{"key":"node.kubernetes.io/not-ready","effect":"NoExecute"}]}""", $$"""[{"key":"node.kubernetes.io/not-ready","effect":"NoExecute"},{{Unreachable}}]""")]
    [InlineData("""{"tolerations":[{"key":"node.kubernetes.io/unreachable","effect":"NoSchedule"}]}""", $$"""[{"key":"node.kubernetes.io/unreachable","effect":"NoSchedule"},{{NotReady}},{{Unreachable}}]""")]
    [InlineData("""{"tolerations":[{"operator":"Exists"}]}""", """[{"operator":"Exists"}]""")]
    public void A_Pod_that_does_not_say_stays_as_long_as_the_server_was_told(string spec, string expected)
    {
        var read = JsonNode.Parse(spec)!.AsObject();
        new DefaultTolerationSeconds(30, 60).AddTo(read);
        Assert.Equal(expected, read["tolerations"]!.ToJsonString());
    }

    /// <summary>Exists, and Exists NoSchedule.</summary>
    private const string Any = """{"operator":"Exists"}""", AnyNoSchedule = """{"operator":"Exists","effect":"NoSchedule"}""";

    private const string A = """{"key":"a","operator":"Equal","value":"v","effect":"NoSchedule"}""";
    private const string AnyA = """{"key":"a","operator":"Exists"}""";
    private const string B = """{"key":"b","operator":"Equal","value":"v","effect":"NoExecute","tolerationSeconds":9}""";
    private const string ShortB = """{"key":"b","operator":"Equal","value":"v","effect":"NoExecute","tolerationSeconds":5}""";

    [Theory]
    [InlineData("both stay", A, B, $"[{A},{B}]")]
    [InlineData("the same one is there once", A, A, $"[{A}]")]
    [InlineData("what is added covers it", A, AnyA, $"[{AnyA}]")]
    [InlineData("it covers what is added", AnyA, A, $"[{AnyA}]")]
    [InlineData("every key of an effect", AnyNoSchedule, $"{A},{B}", $"[{AnyNoSchedule},{B}]")]
    [InlineData("everything", $"{A},{B}", Any, $"[{Any}]")]
    [InlineData("longer covers shorter", $"{ShortB},{A}", B, $"[{A},{B}]")]
    [InlineData("its own, two of which are one", $"{A},{AnyA}", "", $"[{AnyA}]")]
    public void What_another_toleration_covers_is_left_out(string why, string own, string added, string expected)
    {
        Assert.NotEmpty(why);
        var spec = JsonNode.Parse($$"""{"tolerations":[{{own}}]}""")!.AsObject();
        TolerationMerge.Add(spec, JsonNode.Parse($$"""{"tolerations":[{{added}}]}""")!.AsObject());
        Assert.Equal(expected, spec["tolerations"]!.ToJsonString());
    }
}
