using Bramble.Controllers.LocalPath;

namespace Bramble.Controllers.Tests.LocalPath;

public sealed class LocalPathConfigTests
{
    private const string TwoNodes = """{"nodePathMap":[{"node":"DEFAULT_PATH_FOR_NON_LISTED_NODES","paths":["/opt/a"]},{"node":"pi2","paths":["/ssd1/","/ssd2"]},{"node":"pi3","paths":[]}]}""";

    public static TheoryData<string, string, string?, int, string> Paths => new()
    {
        { "a node of its own name", "pi2", null, 1, "/ssd2" },
        { "the slash at the end does not count", "pi2", null, 0, "/ssd1" },
        { "every other node", "pi1", null, 0, "/opt/a" },
        { "the class asks for one of the node's", "pi2", "/ssd2", 0, "/ssd2" },
        { "the class asks for another", "pi2", "/sd", 0, "config doesn't contain path /sd on node pi2" },
        { "a node without paths takes no volumes", "pi3", null, 0, "no local path available on node pi3" },
    };

    [Theory]
    [MemberData(nameof(Paths))]
    public void Path_on_a_node(string because, string node, string? asked, int choice, string expected)
    {
        Assert.NotEmpty(because);
        var config = LocalPathConfig.Parse(TwoNodes);
        if (expected.StartsWith('/')) Assert.Equal(expected, config.PathOn(node, asked, _ => choice));
        else Assert.Equal(expected, Assert.Throws<FormatException>(() => config.PathOn(node, asked, _ => choice)).Message);
    }

    [Fact]
    public void Without_the_entry_for_all_others_a_node_may_have_none() =>
        Assert.Equal("config doesn't contain node pi1, and no DEFAULT_PATH_FOR_NON_LISTED_NODES available",
            Assert.Throws<FormatException>(() => LocalPathConfig.Parse("{}").PathOn("pi1", null, _ => 0)).Message);

    [Theory]
    [InlineData("""{"nodePathMap":[{"node":"a","paths":["data"]}]}""", "path must start with / for path data on node a")]
    [InlineData("""{"nodePathMap":[{"node":"a","paths":["/"]}]}""", "cannot use root ('/') as path on node a")]
    [InlineData("""{"nodePathMap":[{"node":"a","paths":["/x/../.."]}]}""", "cannot use root ('/') as path on node a")]
    [InlineData("""{"nodePathMap":[{"node":"a","paths":["/b","/b/"]}]}""", "duplicate path /b on node a")]
    [InlineData("""{"nodePathMap":[{"node":"a","paths":["/b"]},{"node":"a","paths":["/c"]}]}""", "duplicate node a")]
    public void What_is_no_configuration_is_refused_in_the_provisioners_words(string json, string message) =>
        Assert.Equal(message, Assert.Throws<FormatException>(() => LocalPathConfig.Parse(json)).Message);

    [Fact]
    public void Broken_JSON_is_refused() => Assert.Throws<FormatException>(() => LocalPathConfig.Parse("{"));

    [Fact]
    public void The_first_configuration_holds_the_servers_path() =>
        Assert.Equal("/mnt/my \"disk\"", LocalPathConfig.Parse(LocalPathConfig.Initial("/mnt/my \"disk\"")).PathOn("any", null, _ => 0));
}
