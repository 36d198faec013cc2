using System.Diagnostics;
using System.Globalization;
using System.Net;
using Bramble.Network.Nftables;
using Bramble.Network.Services;
using Bramble.Network.Tests.Support;

namespace Bramble.Network.Bench;

/// <summary>Many services in the kernel: by the library in this process as the agent does it, and the same text by <c>nft -f</c>.</summary>
internal static class RuleLoad
{
    public const int Services = 10_000;
    public const int EndpointsEach = 5;

    public static IReadOnlyList<IPNetwork> ClusterCidrs { get; } = [IPNetwork.Parse("10.42.0.0/16")];
    public static IReadOnlyList<IPNetwork> ServiceCidrs { get; } = [IPNetwork.Parse("10.43.0.0/16")];

    public static string Base => BaseRules.Of(IpFamily.V4, new BasePlan(ClusterCidrs, ServiceCidrs) { MasqueradesPods = true });

    /// <summary>All services; that of <see cref="Address"/>(0) leads to <paramref name="first"/> if it is given.</summary>
    public static RuleSet Rules(Backend? first = null)
    {
        var rules = new RuleSet(IpFamily.V4);
        for (var i = 0; i < Services; i++) rules.Set(ClaimRank.Service, $"ns/s{i}", i == 0 && first is { } only ? Fronts(i, [only]) : Fronts(i, Backends(i, moved: 0)));
        return rules;
    }

    public static string Address(int i) => string.Create(CultureInfo.InvariantCulture, $"10.43.{(i + 256) >> 8}.{i & 0xff}");

    public static List<Backend> Backends(int i, int moved) =>
        [.. Enumerable.Range(0, EndpointsEach).Select(b => new Backend(string.Create(CultureInfo.InvariantCulture, $"10.42.{(i * EndpointsEach + b) >> 8 & 0xff}.{(i * EndpointsEach + b) & 0xff}"), 8080 + (b == 2 ? moved : 0), IsLocal: false))];

    public static void Measure()
    {
        using var nftables = new NftablesLibrary();
        var watch = Stopwatch.StartNew();
        var rules = Rules();
        Figure.Print($"{Services} services, {Services * EndpointsEach} endpoints: decided", $"{watch.ElapsedMilliseconds} ms, {rules.Count} elements");
        var before = ResidentMb();
        watch.Restart();
        var parts = new List<string>();
        foreach (var part in rules.TakeAll(Base))
        {
            nftables.Apply(part);
            parts.Add(part);
        }
        Figure.Print("full load, libnftables in this process", $"{watch.ElapsedMilliseconds} ms in {parts.Count} parts, {ResidentMb() - before:0.0} MB more");
        Changes(nftables, rules, "one endpoint changed, in this process (median of 50)");

        var file = Path.GetTempFileName();
        File.WriteAllText(file, string.Concat(parts));
        watch.Restart();
        NetworkNamespace.Run("nft", $"-f {file}");
        Figure.Print("full load, the same by nft -f", $"{watch.ElapsedMilliseconds} ms");
        // What the file held is older than what the rule set has told since.
        foreach (var part in rules.TakeAll(Base)) nftables.Apply(part);
        var changes = new List<double>();
        for (var i = 0; i < 10; i++)
        {
            rules.Set(ClaimRank.Service, "ns/s77", Fronts(77, Backends(77, 100 + i)));
            File.WriteAllText(file, rules.TakeChanges());
            watch.Restart();
            NetworkNamespace.Run("nft", $"-f {file}");
            changes.Add(watch.Elapsed.TotalMilliseconds);
        }
        Figure.Print("one endpoint changed, by nft -f (median)", $"{Median(changes):0.0} ms");
        File.Delete(file);
        nftables.Apply("flush ruleset");
    }

    private static void Changes(NftablesLibrary nftables, RuleSet rules, string name)
    {
        var times = new List<double>();
        for (var i = 1; i <= 50; i++)
        {
            var watch = Stopwatch.StartNew();
            rules.Set(ClaimRank.Service, "ns/s77", Fronts(77, Backends(77, i)));
            nftables.Apply(rules.TakeChanges());
            times.Add(watch.Elapsed.TotalMilliseconds);
        }
        Figure.Print(name, $"{Median(times):0.00} ms");
    }

    public static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static Dictionary<FrontKey, FrontEnd> Fronts(int i, List<Backend> backends) => new()
    {
        [new FrontKey(IpFamily.V4, TrafficScope.All, Address(i), "tcp", 80)] = new FrontEnd(FrontVerdict.Balance, backends),
    };

    private static double ResidentMb()
    {
        GC.Collect();
        using var self = Process.GetCurrentProcess();
        return self.WorkingSet64 / 1e6;
    }
}
