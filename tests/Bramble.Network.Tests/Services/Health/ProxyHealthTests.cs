using Bramble.Network.Services.Health;
using k8s.Models;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Network.Tests.Services.Health;

/// <summary>What kube-proxy's own health port says, and when.</summary>
public sealed class ProxyHealthTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.Zero));

    private static V1Node Node(string? taint = null) => new()
    {
        Metadata = new() { Name = "board1" },
        Spec = new() { Taints = taint is null ? null : [new() { Key = taint, Effect = "NoSchedule" }] },
    };

    [Fact]
    public void All_is_loaded()
    {
        var health = new ProxyHealth(_time);
        health.NodeIs(Node());
        health.Queued(services: 2, endpoints: 3);
        health.Updated(["IPv4"], TimeSpan.FromMilliseconds(8));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(
            new StatusAnswer(200, """{"lastUpdated":"2026-07-01T13:00:00Z","currentTime":"2026-07-01T13:00:00Z","nodeEligible":true,"healthy":true,"status":{"IPv4":{"lastUpdated":"2026-07-01T12:00:00Z","healthy":true}}}"""),
            health.AnswerHealth("/healthz"));
        var metrics = health.AnswerMetrics("/metrics").Body;
        Assert.Contains("kubeproxy_sync_proxy_rules_service_changes_total 2\n", metrics);
        Assert.Contains("kubeproxy_sync_proxy_rules_endpoint_changes_total 3\n", metrics);
        Assert.Contains("kubeproxy_proxy_healthz_total{code=\"200\"} 1\n", metrics);
        Assert.Equal("nftables", health.AnswerMetrics("/proxyMode").Body);
        Assert.Equal(404, health.AnswerHealth("/metrics").Code);
    }

    [Fact]
    public void A_change_that_is_not_in_the_kernel_after_a_minute_is_an_illness_until_it_is()
    {
        var health = new ProxyHealth(_time);
        health.NodeIs(Node());
        health.Updated(["IPv4"], TimeSpan.Zero);
        health.Queued(1, 0);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(200, health.AnswerHealth("/livez").Code);
        _time.Advance(TimeSpan.FromSeconds(1));
        var late = health.AnswerHealth("/livez");
        Assert.Equal(503, late.Code);
        Assert.StartsWith("""{"lastUpdated":"2026-07-01T12:00:00Z","currentTime":"2026-07-01T12:01:00Z","healthy":false""", late.Body, StringComparison.Ordinal);
        health.Updated(["IPv4"], TimeSpan.Zero);
        Assert.Equal(200, health.AnswerHealth("/livez").Code);
    }

    [Fact]
    public void A_node_that_is_about_to_go_takes_no_new_traffic_but_is_alive()
    {
        var health = new ProxyHealth(_time);
        Assert.Equal(503, health.AnswerHealth("/healthz").Code);
        health.NodeIs(Node(taint: "ToBeDeletedByClusterAutoscaler"));
        Assert.Equal(503, health.AnswerHealth("/healthz").Code);
        Assert.Equal(200, health.AnswerHealth("/livez").Code);
        health.NodeIs(Node(taint: "other"));
        Assert.Equal(200, health.AnswerHealth("/healthz").Code);
    }

    [Theory]
    [InlineData("GET /healthz?verbose HTTP/1.1\r\nHost: x\r\n\r\n", "/healthz")]
    [InlineData("GET / HTTP/1.0\r\n\r\n", "/")]
    [InlineData("nonsense", "")]
    [InlineData("nonsense\r\n", "")]
    public void The_path_of_a_request(string request, string path) => Assert.Equal(path, StatusPort.PathOf(System.Text.Encoding.ASCII.GetBytes(request)));
}
