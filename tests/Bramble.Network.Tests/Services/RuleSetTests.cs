using System.Net;
using Bramble.Network.Netlink;
using Bramble.Network.Services;
using CsCheck;

namespace Bramble.Network.Tests.Services;

public sealed class RuleSetTests
{
    private static FrontKey Key(int port) => new(IpFamily.V4, TrafficScope.All, "10.43.0.7", "udp", port);

    private static FrontEnd To(params string[] addresses) => new(FrontVerdict.Balance, [.. addresses.Select(a => new Backend(a, 53, IsLocal: false))]);

    [Fact]
    public void A_changed_endpoint_is_two_elements_whatever_else_there_is()
    {
        var rules = new RuleSet(IpFamily.V4);
        for (var i = 1; i < 500; i++) rules.Set(ClaimRank.Service, $"ns/s{i}", new Dictionary<FrontKey, FrontEnd> { [Key(i)] = To("10.42.0.5", "10.42.0.6") });
        _ = rules.TakeChanges();
        rules.Set(ClaimRank.Service, "ns/s7", new Dictionary<FrontKey, FrontEnd> { [Key(7)] = To("10.42.0.5", "10.42.0.9") });
        Assert.Equal(
            "delete element ip bramble endpoints-1 { 10.43.0.7 . udp . 7 : 10.42.0.6 . 53 }\nadd element ip bramble endpoints-1 { 10.43.0.7 . udp . 7 : 10.42.0.9 . 53 }\n",
            rules.TakeChanges());
        Assert.Equal([new StaleFlow(Key(7), new Backend("10.42.0.6", 53, false))], rules.TakeStaleFlows().Where(s => s.Backend is not null));
    }

    [Fact]
    public void The_same_again_changes_nothing()
    {
        var rules = new RuleSet(IpFamily.V4);
        rules.Set(ClaimRank.Service, "ns/a", new Dictionary<FrontKey, FrontEnd> { [Key(1)] = To("10.42.0.5") });
        _ = rules.TakeChanges();
        rules.Set(ClaimRank.Service, "ns/a", new Dictionary<FrontKey, FrontEnd> { [Key(1)] = To("10.42.0.5") });
        Assert.Equal("", rules.TakeChanges());
    }

    [Fact]
    public void Of_two_owners_the_better_rank_wins_and_the_other_follows_when_it_goes()
    {
        var rules = new RuleSet(IpFamily.V4);
        rules.Set(ClaimRank.HostPort, "ns/pod", new Dictionary<FrontKey, FrontEnd> { [Key(1)] = To("10.42.0.5") });
        rules.Set(ClaimRank.Service, "ns/service", new Dictionary<FrontKey, FrontEnd> { [Key(1)] = To("10.42.0.6") });
        Assert.Contains("10.42.0.6 . 53", rules.TakeChanges());
        rules.Set(ClaimRank.Service, "ns/service", new Dictionary<FrontKey, FrontEnd>());
        Assert.Contains("add element ip bramble endpoints-0 { 10.43.0.7 . udp . 1 : 10.42.0.5 . 53 }", rules.TakeChanges());
    }

    [Theory]
    [InlineData("10.43.0.7", 1, "10.42.0.5", 53, false)]        // a backend it has
    [InlineData("10.43.0.7", 1, "10.42.0.9", 53, true)]         // one that went while nobody looked
    [InlineData("10.43.0.7", 1, "10.42.0.5", 54, true)]         // its port changed
    [InlineData("10.43.0.7", 2, "10.42.0.9", 53, false)]        // not ours
    [InlineData("10.43.0.7", 3, "10.42.0.5", 53, true)]         // nobody serves it now
    [InlineData("10.201.0.5", 30053, "10.42.0.6", 53, false)]   // a NodePort's
    [InlineData("10.201.0.5", 30053, "10.42.0.9", 53, true)]
    [InlineData("8.8.8.8", 30053, "8.8.8.8", 30053, false)]     // a port of the same number somewhere else
    [InlineData("10.43.0.10", 53, "127.0.0.1", 10053, false)]   // the cluster DNS
    public void Flows_are_compared_with_what_is_there(string to, int port, string from, int fromPort, bool isStale)
    {
        var rules = new RuleSet(IpFamily.V4);
        rules.Set(ClaimRank.Service, "ns/a", new Dictionary<FrontKey, FrontEnd>
        {
            [Key(1)] = To("10.42.0.5"),
            [Key(3)] = FrontEnd.Refused,
            [new(IpFamily.V4, TrafficScope.All, "", "udp", 30053)] = To("10.42.0.5", "10.42.0.6"),
            [new(IpFamily.V4, TrafficScope.External, "", "udp", 30053)] = To("10.42.0.5"),
            [new(IpFamily.V4, TrafficScope.All, "10.43.0.10", "udp", 53)] = new(FrontVerdict.ClusterDns, []),
        });
        Assert.Equal(isStale, rules.IsStale(new TrackedFlow(17, IPAddress.Parse(to), port, IPAddress.Parse(from), fromPort)));
    }

    /// <summary>Changes applied one by one to a model of the kernel's sets give the same as everything loaded at once.</summary>
    [Fact]
    public void Incremental_changes_end_where_a_full_load_does() =>
        Gen.Int[0, 6].Select(Gen.Int[1, 4], Gen.Int[0, 3].Array[0, 4], Gen.Bool).Array[1, 30].Sample(steps =>
        {
            var rules = new RuleSet(IpFamily.V4);
            var kernel = new SortedSet<string>(StringComparer.Ordinal);
            foreach (var (owner, port, backends, affinity) in steps)
            {
                var front = To([.. backends.Distinct().Select(b => $"10.42.0.{b}")]) with { Affinity = affinity ? new SessionAffinity($"s{port}", 60) : null };
                rules.Set(ClaimRank.Service, $"o{owner}", backends.Length == 0 ? [] : new Dictionary<FrontKey, FrontEnd> { [Key(port)] = front });
                if (port != 2) Play(kernel, rules.TakeChanges());
            }
            Play(kernel, rules.TakeChanges());
            var fresh = new SortedSet<string>(StringComparer.Ordinal);
            foreach (var part in rules.TakeAll("")) Play(fresh, part);
            Assert.Equal(fresh, kernel);
        });

    // "add"/"delete" of elements, chains and sets, as the kernel treats them: adding twice or deleting what is not there is an error.
    private static void Play(SortedSet<string> kernel, string transaction)
    {
        foreach (var line in transaction.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var words = line.Split(' ', 6);
            var subject = $"{(words[1] == "map" ? "set" : words[1])} {words[4]}";
            IEnumerable<string> items = words[1] == "element" ? words[5].Trim('{', '}', ' ').Split(", ").Select(e => $"{subject} {e.Trim()}") : [subject];
            foreach (var item in items)
                switch (words[0])
                {
                    case "add" when words[1] != "rule":
                        Assert.True(kernel.Add(item), $"added twice: {item} in\n{transaction}");
                        break;
                    case "delete":
                        Assert.True(kernel.Remove(item), $"deleted but not there: {item} in\n{transaction}");
                        break;
                }
        }
    }
}
