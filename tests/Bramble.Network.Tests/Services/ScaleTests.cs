using System.Diagnostics;
using System.Net;
using Bramble.Network.Nftables;
using Bramble.Network.Services;
using Bramble.Network.Tests.Support;
using Bramble.Network.Tests.Traffic;

namespace Bramble.Network.Tests.Services;

/// <summary>Many services in the real kernel, in the test's own namespace. IPv6, so that the board's IPv4 tables are left alone.</summary>
[Collection(nameof(Board))]
public sealed class ScaleTests(ITestOutputHelper output)
{
    private const int Services = 2000;
    private const int BackendsEach = 5;

    [Fact]
    public void Thousands_of_services_load_in_parts_and_a_change_is_a_line()
    {
        Assert.SkipWhen(NetworkNamespace.HostProblem is not null, NetworkNamespace.HostProblem ?? "");
        using var nftables = new NftablesLibrary();
        var rules = new RuleSet(IpFamily.V6);
        for (var i = 0; i < Services; i++) rules.Set(ClaimRank.Service, $"ns/s{i}", Fronts(i, moved: 0));
        var watch = Stopwatch.StartNew();
        var parts = 0;
        foreach (var part in rules.TakeAll(BaseRules.Of(IpFamily.V6, new BasePlan([IPNetwork.Parse("fd42::/48")], [IPNetwork.Parse("fd43::/108")]))))
        {
            nftables.Apply(part);
            parts++;
        }
        output.WriteLine($"{rules.Count} elements in {parts} parts: {watch.ElapsedMilliseconds} ms");
        Assert.True(parts > 5);

        watch.Restart();
        rules.Set(ClaimRank.Service, "ns/s77", Fronts(77, moved: 1));
        var change = rules.TakeChanges();
        nftables.Apply(change);
        output.WriteLine($"one endpoint: {watch.Elapsed.TotalMilliseconds:F1} ms\n{change}");
        Assert.Equal(2, change.Count(c => c == '\n'));

        var kernel = NetworkNamespace.Run("nft", "list table ip6 bramble");
        Assert.Equal(Services, Occurrences(kernel, $"goto lb-{BackendsEach}"));
        nftables.Apply("delete table ip6 bramble");
    }

    private static Dictionary<FrontKey, FrontEnd> Fronts(int i, int moved) => new()
    {
        [new FrontKey(IpFamily.V6, TrafficScope.All, new IPAddress([0xfd, 0x43, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte)(i >> 8), (byte)i]).ToString(), "tcp", 80)] =
            new FrontEnd(FrontVerdict.Balance, [.. Enumerable.Range(0, BackendsEach).Select(b => new Backend($"fd42::{b + 1}:{i + 1:x}", 8080 + (b == 2 ? moved : 0), IsLocal: false))]),
    };

    private static int Occurrences(string text, string part) => text.Split(part).Length - 1;
}
