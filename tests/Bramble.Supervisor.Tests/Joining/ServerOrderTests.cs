using Bramble.Supervisor.Joining;

namespace Bramble.Supervisor.Tests.Joining;

public sealed class ServerOrderTests
{
    public static TheoryData<string, string[], string?, string[], string[]> Cases => new()
    {
        { "the given address stays as the last resort", ["b:1", "c:1"], null, [], ["b:1", "c:1", "a:1"] },
        { "the one in use comes first", ["b:1", "c:1"], "c:1", [], ["c:1", "b:1", "a:1"] },
        { "a broken one comes last, in use or not", ["b:1", "c:1"], "c:1", ["c:1"], ["b:1", "a:1", "c:1"] },
        { "the given address is not tried twice", ["a:1", "b:1"], null, [], ["a:1", "b:1"] },
        { "nothing known yet", [], null, [], ["a:1"] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Servers_are_tried_in_order(string why, string[] servers, string? active, string[] broken, string[] expected) =>
        Assert.True(expected.SequenceEqual(ServerLoadBalancer.Order(servers, active, server => !broken.Contains(server), "a:1")), why);
}
