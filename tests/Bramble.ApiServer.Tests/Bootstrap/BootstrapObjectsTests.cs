using System.Net;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Bootstrap;
using Bramble.Client;
using Bramble.Client.Events;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.ApiServer.Tests.Bootstrap;

/// <summary>What a start of the server makes of what is there already.</summary>
public sealed class BootstrapObjectsTests
{
    private static readonly NamespacedName Name = new("", "kubernetes");

    [Theory]
    [InlineData("10.43.0.0/16", "10.43.0.0/16", "10.43.0.0/16", null)]
    [InlineData("10.43.0.0/16", "10.43.0.0/16 fd43::/112", "10.43.0.0/16 fd43::/112", null)]
    // Another primary range, and a family that goes, are a person's to mend.
    [InlineData("10.43.0.0/16", "10.96.0.0/16 fd43::/112", "10.43.0.0/16",
        "KubernetesDefaultServiceCIDRInconsistent: The default ServiceCIDR [10.43.0.0/16] does not match the controller flag configurations [10.96.0.0/16 fd43::/112]")]
    [InlineData("10.43.0.0/16 fd43::/112", "10.43.0.0/16", "10.43.0.0/16 fd43::/112",
        "KubernetesDefaultServiceCIDRInconsistent: The default ServiceCIDR [10.43.0.0/16 fd43::/112] does not match the controller flag configurations [10.43.0.0/16]")]
    public async Task A_second_family_comes_with_the_servers(string first, string second, string expected, string? told)
    {
        await using var api = await StartAsync();
        await EnsureAsync(api, first);
        await EnsureAsync(api, second);
        var range = (await api.Client.FindAsync(Resources.ServiceCIDRs, Name, TestContext.Current.CancellationToken))!.ToTree();
        Assert.Equal(expected, string.Join(' ', range["spec"]!["cidrs"]!.AsArray().Select(cidr => (string)cidr!)));
        Assert.Equal("True", (string?)range["status"]!["conditions"]![0]!["status"]);
        Assert.Equal(told is null ? [] : [told], await EventsAsync(api));
    }

    [Fact]
    public async Task One_that_somebody_said_is_not_ready_stays_so_and_it_is_told_once()
    {
        await using var api = await StartAsync();
        await EnsureAsync(api, "10.43.0.0/16");
        var range = (await api.Client.FindAsync(Resources.ServiceCIDRs, Name, TestContext.Current.CancellationToken))!.ToTree();
        range["status"]!["conditions"]![0]!.ReplaceWith(JsonNode.Parse("""{"type":"Ready","status":"False","reason":"Renumbering","message":"wait for it","lastTransitionTime":"2026-01-01T00:00:00Z"}"""));
        await api.Client.UpdateAsync(Resources.ServiceCIDRs, Name, range, "status", TestContext.Current.CancellationToken);
        await EnsureAsync(api, "10.43.0.0/16", times: 2);
        var after = (await api.Client.FindAsync(Resources.ServiceCIDRs, Name, TestContext.Current.CancellationToken))!.ToTree();
        Assert.Equal("Renumbering", (string?)after["status"]!["conditions"]![0]!["reason"]);
        Assert.Equal(["Renumbering: Configuration matches, but wait for it"], await EventsAsync(api));
    }

    [Theory]
    [InlineData(null, "2026-07-01")]
    [InlineData("{}", "2026-07-01")]
    [InlineData("""{"data":{"since":"yesterday"}}""", "2026-07-01")]
    [InlineData("""{"data":{"since":"2025-01-31"}}""", "2025-01-31")]
    public async Task The_day_from_which_uses_of_tokens_are_noted(string? there, string expected)
    {
        await using var api = await StartAsync();
        var name = new NamespacedName("kube-system", "kube-apiserver-legacy-service-account-token-tracking");
        await api.Client.CreateAsync(Resources.Namespaces, new("", "kube-system"), new JsonObject { ["metadata"] = new JsonObject { ["name"] = "kube-system" } }, null, TestContext.Current.CancellationToken);
        if (there is not null)
        {
            var map = JsonNode.Parse(there)!.AsObject();
            map["metadata"] = new JsonObject { ["name"] = name.Name };
            await api.Client.CreateAsync(Resources.ConfigMaps, name, map, null, TestContext.Current.CancellationToken);
        }
        await using var events = Recorder(api);
        await Bootstrap(api, "10.43.0.0/16", events).EnsureTokenTrackingAsync(TestContext.Current.CancellationToken);
        Assert.Equal(expected, (string?)(await api.Client.FindAsync(Resources.ConfigMaps, name, TestContext.Current.CancellationToken))!.ToTree()["data"]!["since"]);
    }

    /// <summary>With the namespace of what is told of objects that have none.</summary>
    private static async Task<InMemoryApi> StartAsync()
    {
        var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(Resources.Namespaces, new("", "default"), new JsonObject { ["metadata"] = new JsonObject { ["name"] = "default" } }, null, TestContext.Current.CancellationToken);
        return api;
    }

    private static async Task EnsureAsync(InMemoryApi api, string ranges, int times = 1)
    {
        // What was told is written when the recorder is disposed.
        await using var events = Recorder(api);
        var bootstrap = Bootstrap(api, ranges, events);
        for (var i = 0; i < times; i++) await bootstrap.EnsureServiceCidrAsync(TestContext.Current.CancellationToken);
    }

    private static EventRecorder Recorder(InMemoryApi api) => new(api.Client, "kubernetes-service-cidr-controller", "", TimeProvider.System, NullLoggerFactory.Instance);

    private static BootstrapObjects Bootstrap(InMemoryApi api, string ranges, EventRecorder events) => new(api.Client, new BootstrapConfig
    {
        Advertise = new IPEndPoint(IPAddress.Loopback, 6443),
        ServiceCidrs = [.. ranges.Split(' ').Select(range => IPNetwork.Parse(range))],
        HostName = "n",
        Authentication = new AuthenticationConfig { ClientCa = [], ServiceAccountSigningKeyPem = "" },
    }, events, new FakeTimeProvider(new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.Zero)));

    private static async Task<List<string>> EventsAsync(InMemoryApi api) =>
        [.. (await api.Client.ListModelsAsync(Resources.Events, new ListQuery("default"), TestContext.Current.CancellationToken)).Select(e => $"{e.Reason}: {e.Message}")];
}
