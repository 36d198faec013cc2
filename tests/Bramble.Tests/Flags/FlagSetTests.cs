using Bramble.Flags;

namespace Bramble.Tests.Flags;

public class FlagSetTests
{
    private static readonly Flag Port = new("https-listen-port", FlagKind.Number, "", null, null, "6443");
    private static readonly Flag Token = new("token", FlagKind.Text, "", ["t"], "K3S_TOKEN");
    private static readonly Flag Label = new("node-label", FlagKind.List, "");
    private static readonly Flag DisableAgent = new("disable-agent", FlagKind.Switch, "");
    private static readonly Flag Etcd = new("cluster-init", FlagKind.Switch, "", Missing: "it comes later");
    private static readonly Flag[] All = [Port, Token, Label, DisableAgent, Etcd];

    private static FlagSet Parse(params string[] line) => FlagSet.Parse(All, line, name => name == "K3S_TOKEN" ? "from-environment" : null);

    [Theory]
    [InlineData("--token", "x")]
    [InlineData("--token=x")]
    [InlineData("-token=x")]
    [InlineData("-t", "x")]
    [InlineData("-t=x")]
    [InlineData("--token=first", "--token=x")]
    public void A_value_is_found_however_it_is_written(params string[] line) => Assert.Equal("x", Parse(line).Text(Token));

    [Fact]
    public void The_environment_counts_only_where_the_line_says_nothing()
    {
        Assert.Equal("from-environment", Parse().Text(Token));
        Assert.Equal("", Parse("--token=").Text(Token));
    }

    [Fact]
    public void Lists_repeat_and_are_not_split_at_commas() =>
        Assert.Equal(["a=1,2", "b=3"], Parse("--node-label", "a=1,2", "--node-label=b=3").List(Label));

    [Fact]
    public void Split_lists_are_split_at_commas() => Assert.Equal(["a", "b", "c"], Parse("--node-label", "a, b", "--node-label=c").Split(Label));

    [Theory]
    [InlineData(true, "--disable-agent")]
    [InlineData(true, "--disable-agent=true")]
    [InlineData(false, "--disable-agent=false")]
    [InlineData(false)]
    public void Switches_take_a_value_only_with_an_equals_sign(bool expected, params string[] line) => Assert.Equal(expected, Parse(line).Switch(DisableAgent));

    [Fact]
    public void Words_behind_two_dashes_are_no_flags() => Assert.Equal(["--token", "x"], Parse("--", "--token", "x").Arguments);

    [Theory]
    [InlineData("unknown flag --tokn; did you mean --token?", "--tokn", "x")]
    [InlineData("unknown flag --https-listen-prot; did you mean --https-listen-port?", "--https-listen-prot=1")]
    [InlineData("unknown flag --xyzzyplugh; --help lists all", "--xyzzyplugh")]
    [InlineData("--token needs a value: --token VALUE", "--token")]
    [InlineData("--https-listen-port: \"x\" is not a whole number", "--https-listen-port", "x")]
    [InlineData("--disable-agent: \"maybe\" is not true or false", "--disable-agent=maybe")]
    [InlineData("--cluster-init is a K3s flag that Bramble does not have yet: it comes later", "--cluster-init")]
    public void A_wrong_line_is_one_sentence_with_cause_and_fix(string message, params string[] line) =>
        Assert.Equal(message, Assert.Throws<UsageException>(() => Parse(line)).Message);
}
