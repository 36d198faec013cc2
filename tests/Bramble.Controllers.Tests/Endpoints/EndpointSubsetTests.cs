using System.Text.Json.Nodes;
using Bramble.Controllers.Endpoints;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Endpoints;

public sealed class EndpointSubsetTests
{
    private static readonly ServedPort Http = new("http", "TCP", 80, null);
    private static readonly ServedPort Metrics = new("metrics", "TCP", 9100, null);

    [Fact]
    public void Pods_that_serve_one_more_port_make_a_subset_of_their_own()
    {
        var packed = EndpointSubsets.Repack([Subset([Http], "10.0.0.1"), Subset([Http, Metrics], "10.0.0.2")]);
        Assert.Equal(["http: 10.0.0.1 10.0.0.2", "metrics: 10.0.0.2"], packed.Select(Text).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_same_Pods_behind_two_ports_are_one_subset() =>
        Assert.Equal(["http,metrics: 10.0.0.1 10.0.0.2"], EndpointSubsets.Repack([Subset([Http], "10.0.0.2", "10.0.0.1"), Subset([Metrics], "10.0.0.1", "10.0.0.2")]).Select(Text));

    [Fact]
    public void Not_ready_wins_over_ready() => Assert.Equal(["http: !10.0.0.1"], EndpointSubsets.Repack([Subset([Http], "10.0.0.1"), Subset([Http], "!10.0.0.1")]).Select(Text));

    [Fact]
    public void Addresses_without_ports_stay() => Assert.Equal([": 10.0.0.1"], EndpointSubsets.Repack([Subset([], "10.0.0.1")]).Select(Text));

    [Fact]
    public void More_than_a_thousand_are_cut_unready_ones_first()
    {
        var subsets = new List<EndpointSubset> { Subset([Http], [.. Enumerable.Range(0, 600).Select(i => $"10.0.{i / 250}.{i % 250}")]), Subset([Metrics], [.. Enumerable.Range(0, 600).Select(i => $"!10.1.{i / 250}.{i % 250}")]) };
        Assert.True(EndpointSubsets.Truncate(subsets));
        Assert.Equal((600, 400), (subsets[0].Addresses.Count, subsets[1].Addresses.Count));
        Assert.False(EndpointSubsets.Truncate(subsets));
    }

    [Fact]
    public void Ports_are_in_the_order_of_upstreams_hash()
    {
        ServedPort[] dns = [new("metrics", "TCP", 9153, null), new("dns-tcp", "TCP", 53, null), new("dns", "UDP", 53, null)];
        Assert.Equal(["dns", "dns-tcp", "metrics"], PortOrder.OfSlice(dns).Select(p => p.Name));
        // The reference values of the FNV specification.
        Assert.Equal("6C62272E07BB014262B821756295C58D", PortOrder.Hash("").ToString("X32"));
        Assert.Equal("D228CB696F1A8CAF78912B704E4A8964", PortOrder.Hash("a").ToString("X32"));
    }

    [Fact]
    public void The_change_that_led_to_a_write_is_the_earliest_since_the_last()
    {
        var times = new ChangeTimes();
        var service = Model<V1Service>("""{"metadata":{"name":"s","namespace":"d","creationTimestamp":"2024-01-01T11:00:00Z"},"spec":{}}""");
        Assert.Equal(Noon.AddHours(-1), times.Next(service, [Pod("a", ready: Noon)]));
        Assert.Null(times.Next(service, [Pod("a", ready: Noon)]));
        Assert.Equal(Noon.AddSeconds(1), times.Next(service, [Pod("a", ready: Noon.AddSeconds(5)), Pod("b", ready: Noon.AddSeconds(1))]));
    }

    /// <param name="addresses">Not ready with an exclamation mark.</param>
    internal static EndpointSubset Subset(IReadOnlyList<ServedPort> ports, params string[] addresses) =>
        new(ports, [.. addresses.Select(a => new SubsetAddress(new JsonObject { ["ip"] = a.TrimStart('!') }, !a.StartsWith('!')))]);

    private static string Text(EndpointSubset subset) =>
        $"{string.Join(',', subset.Ports.Select(p => p.Name).Order(StringComparer.Ordinal))}: {string.Join(' ', subset.Addresses.Select(a => (a.IsReady ? "" : "!") + a.Ip))}";
}
