using Bramble.ApiServer.Aggregation;
using Bramble.ApiServer.Authentication;

namespace Bramble.ApiServer.Tests.Aggregation;

public sealed class RemoteServiceIndexTests
{
    [Fact]
    public void Services_of_other_groups_are_remote_but_nobody_takes_a_group_of_this_server_or_a_local_one()
    {
        var reader = new FixedReader()
            .With("apiregistration.k8s.io", "apiservices", RemoteServices.Json("v1.wardle.example.com"))
            .With("apiregistration.k8s.io", "apiservices", RemoteServices.Json("v1.apps"))
            .With("apiregistration.k8s.io", "apiservices", RemoteServices.Json("v1.local.example.com", service: ""));
        var index = new RemoteServiceIndex(reader);
        Assert.Equal(["v1.wardle.example.com"], index.All.Select(remote => remote.Name));
        Assert.Same(index.All, index.All);

        reader.With("apiregistration.k8s.io", "apiservices", RemoteServices.Json("v2.wardle.example.com"));
        Assert.Equal(2, index.All.Count);
    }

    [Fact]
    public void What_was_heard_stays_in_discovery_and_is_stale_while_the_server_cannot_be_asked()
    {
        var reader = new FixedReader().With("apiregistration.k8s.io", "apiservices", RemoteServices.Json("v1.wardle.example.com"));
        var index = new RemoteServiceIndex(reader);
        var discovery = new RemoteDiscovery(index);
        Assert.False(Assert.Single(discovery.Current).IsFresh);

        discovery.Learn(index.All.Single(), new RemoteKnowledge([(System.Text.Json.Nodes.JsonNode)"flunders"], null));
        Assert.True(Assert.Single(discovery.Current).IsFresh);
        Assert.Same(discovery.Current, discovery.Current);

        reader.With("apiregistration.k8s.io", "apiservices", RemoteServices.Json("v1.wardle.example.com", available: "False"));
        var shown = Assert.Single(discovery.Current);
        Assert.False(shown.IsFresh);
        Assert.Single(shown.Resources);
    }

    public static TheoryData<string, string> Keys => new()
    {
        { "scopes", "scopes" },
        { "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io%2Fpod-name" },
        { "a b%", "a%20b%25" },
    };

    [Theory, MemberData(nameof(Keys))]
    public void Keys_of_extra_are_escaped_in_headers(string key, string escaped)
    {
        var user = new UserInfo("jane", ["a", "b"], "u1", new Dictionary<string, IReadOnlyList<string>> { [key] = ["x", "y"] });
        Assert.Equal(
            ["X-Remote-User: jane", "X-Remote-Uid: u1", "X-Remote-Group: a", "X-Remote-Group: b", $"X-Remote-Extra-{escaped}: x", $"X-Remote-Extra-{escaped}: y"],
            RemoteUser.Headers(user).Select(header => $"{header.Key}: {header.Value}"));
    }
}
