using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Endpoints;

/// <summary>The controllers of EndpointSlices with their own roles on stored objects.</summary>
public sealed class EndpointSliceControllerTests
{
    [Fact]
    public async Task Every_Pod_whose_node_is_missing_is_told_of_and_the_others_are_served()
    {
        await using var scenario = Start("endpointslice-controller");
        await NodeAsync(scenario, "n1", "z1");
        await PodAsync(scenario, "a", "n1", "10.0.0.1");
        await PodAsync(scenario, "b", "ghost", "10.0.0.2");
        await PodAsync(scenario, "c", "ghost", "10.0.0.3");
        await ServiceAsync(scenario, """ "ipFamilies":["IPv4"] """);
        await scenario.Time.UntilAsync(1, async () => (await scenario.EventsAsync("s")).Contains(
            "FailedToUpdateEndpointSlices: Error updating Endpoint Slices for Service d/s: [skipping Pod b for Service d/s: Node ghost Not Found, skipping Pod c for Service d/s: Node ghost Not Found]"));
        Assert.Equal(["10.0.0.1"], await AddressesAsync(scenario));
        await NodeAsync(scenario, "ghost", "z1");
        await scenario.Time.UntilAsync(1, async () => (await AddressesAsync(scenario)).Count == 3);
    }

    [Fact]
    public async Task What_fails_in_one_family_does_not_keep_the_other_waiting()
    {
        var api = new TestCluster();
        var refused = 0;
        api.Refuses = (verb, resource, _) =>
            verb == "CREATE" && resource.Plural == "endpointslices" && Interlocked.Increment(ref refused) is var time and <= 2 ? new StatusException(new Status(500, "", $"refusal {time}")) : null;
        await using var scenario = Start("endpointslice-controller", api);
        await ServiceAsync(scenario, """ "ipFamilies":["IPv4","IPv6"] """);
        await scenario.Time.UntilAsync(1, async () => (await scenario.EventsAsync("s")).Contains(
            "FailedToUpdateEndpointSlices: Error updating Endpoint Slices for Service d/s: [failed to create EndpointSlice for Service d/s: refusal 1, failed to create EndpointSlice for Service d/s: refusal 2]"));
        await scenario.Time.UntilAsync(1, async () => (await SlicesAsync(scenario)).Count == 2);
    }

    [Fact]
    public async Task Topology_hints_are_told_of_once_for_both_families()
    {
        await using var scenario = Start("endpointslice-controller");
        foreach (var i in (int[])[1, 2])
        {
            await NodeAsync(scenario, $"n{i}", $"z{i}");
            await PodAsync(scenario, $"p{i}", $"n{i}", $"10.0.0.{i}", $"fd00::{i}");
        }
        await ServiceAsync(scenario, """ "ipFamilies":["IPv4","IPv6"] """, """ "annotations":{"service.kubernetes.io/topology-mode":"Auto"}, """);
        await scenario.Time.UntilAsync(1, async () => await HintsAsync() == 4);
        await scenario.Api.ChangeAsync(Resources.Services, new("d", "s"), t => t["metadata"]!.AsObject().Remove("annotations"));
        await scenario.Time.UntilAsync(1, async () => await HintsAsync() == 0);
        // Events come in order: when this one is there, so are all before it.
        await scenario.Api.DeleteAsync(Resources.Nodes, new("", "n2"), new DeleteQuery(), default);
        await scenario.Api.ChangeAsync(Resources.Services, new("d", "s"), t => t["metadata"]!["labels"] = new JsonObject { ["a"] = "b" });
        await scenario.Time.UntilAsync(1, async () => (await scenario.EventsAsync("s")).Any(e => e.StartsWith("FailedToUpdateEndpointSlices", StringComparison.Ordinal)));
        Assert.Equal(
        [
            "TopologyAwareHintsDisabled: Topology Aware Hints has been disabled, addressType: IPv4",
            "TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType: IPv4",
        ], (await scenario.EventsAsync("s")).Where(e => e.StartsWith("Topology", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

        async Task<int> HintsAsync() => (await SlicesAsync(scenario)).SelectMany(s => s.Endpoints ?? []).Count(e => e.Hints?.ForZones is { Count: 1 });
    }

    [Fact]
    public async Task A_Service_whose_selector_is_empty_has_none_so_its_Endpoints_are_mirrored()
    {
        await using var scenario = Start("endpointslicemirroring-controller");
        await scenario.CreateAsync(Resources.Services, """{"metadata":{"name":"s","namespace":"d"},"spec":{"selector":{}}}""");
        await scenario.CreateAsync(Resources.Endpoints, """{"metadata":{"name":"s","namespace":"d"},"subsets":[{"addresses":[{"ip":"10.0.0.1"}],"ports":[{"port":80,"protocol":"TCP"}]}]}""");
        await scenario.Time.UntilAsync(1, async () => await AddressesAsync(scenario) is ["10.0.0.1"]);
        await scenario.Api.ChangeAsync(Resources.Services, new("d", "s"), t => t["spec"]!["selector"] = new JsonObject { ["app"] = "web" });
        await scenario.Time.UntilAsync(1, async () => (await SlicesAsync(scenario)).Count == 0);
    }

    private static async Task NodeAsync(ControllerScenario scenario, string name, string zone) => await scenario.CreateAsync(Resources.Nodes, $$$"""
        {"metadata":{"name":"{{{name}}}","labels":{"topology.kubernetes.io/zone":"{{{zone}}}"} },"spec":{},"status":{"allocatable":{"cpu":"4"},"conditions":[{"type":"Ready","status":"True"}] } }
        """);

    private static async Task PodAsync(ControllerScenario scenario, string name, string node, params string[] ips) => await scenario.CreateAsync(Resources.Pods, $$$"""
        {"metadata":{"name":"{{{name}}}","namespace":"d","labels":{"app":"web"} },"spec":{"nodeName":"{{{node}}}","containers":[{"name":"c"}] },
         "status":{"phase":"Running","podIP":"{{{ips[0]}}}","podIPs":[{{{string.Join(',', ips.Select(ip => $"{{\"ip\":\"{ip}\"}}"))}}}],"conditions":[{"type":"Ready","status":"True"}] } }
        """);

    private static async Task ServiceAsync(ControllerScenario scenario, string spec, string metadata = "") => await scenario.CreateAsync(Resources.Services, $$$"""
        {"metadata":{ {{{metadata}}} "name":"s","namespace":"d"},"spec":{"selector":{"app":"web"},"clusterIP":"10.43.0.9","ports":[{"port":80,"protocol":"TCP"}], {{{spec}}} } }
        """);

    private static async Task<IReadOnlyList<V1EndpointSlice>> SlicesAsync(ControllerScenario scenario) => [.. await scenario.Api.ListModelsAsync(Resources.EndpointSlices, new ListQuery(), default)];

    private static async Task<List<string>> AddressesAsync(ControllerScenario scenario) => [.. (await SlicesAsync(scenario)).SelectMany(s => s.Endpoints ?? []).SelectMany(e => e.Addresses)];
}
