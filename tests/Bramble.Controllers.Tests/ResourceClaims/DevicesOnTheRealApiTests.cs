using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Admission.Quota;
using Bramble.ApiServer.Tests;
using Bramble.Client;
using Bramble.Scheduler;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.ResourceClaims;

/// <summary>Devices from the Pod that asks for them to the devices' return: the real API pipeline, all controllers, and the scheduler with its own rights. The test is
/// the node and the driver.</summary>
public sealed class DevicesOnTheRealApiTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<string> _forbidden = [];
    private InMemoryApi _api = null!;
    private Informers _informers = null!;
    private Task _running = Task.CompletedTask;

    private IKubeClient Client => _api.Client;

    public async ValueTask InitializeAsync()
    {
        _api = await InMemoryApi.StartAsync();
        foreach (var ns in (string[])["default", "kube-system", "kube-node-lease", "d"]) await CreateAsync(Resources.Namespaces, $$$"""{"metadata":{"name":"{{{ns}}}"} }""");
        _informers = new Informers(Client, TimeProvider.System, NullLoggerFactory.Instance);
        var host = new ControllerHost(new ControllersConfig([], "CA"), _ => Client, _informers, TimeProvider.System, NullLoggerFactory.Instance);
        var scheduler = new RoleCheckedClient(Client, "system:kube-scheduler", RoleCheckedClient.RulesOf("system:kube-scheduler", "system:volume-scheduler", "system:basic-user"), _forbidden);
        _running = Task.WhenAll(host.RunAsync(_stop.Token), new SchedulerLoop(scheduler, _informers, TimeProvider.System, NullLoggerFactory.Instance).RunAsync(_stop.Token), CountAsync());
        await CreateAsync(Resources.Nodes, """{"metadata":{"name":"n1"}}""");
        await Client.StrategicPatchAsync(Resources.Nodes, new("", "n1"), Tree("""
            {"status":{"allocatable":{"cpu":"4","memory":"8Gi","pods":"110"},"conditions":[{"type":"Ready","status":"True","reason":"KubeletReady","lastHeartbeatTime":"2026-01-01T00:00:00Z","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}
            """), "status", default);
        await EventuallyAsync(async () => await Client.FindAsync(Resources.ServiceAccounts, new("d", "default"), default) is not null);
        await CreateAsync(Resources.DeviceClasses, """{"metadata":{"name":"gpu"},"spec":{"extendedResourceName":"example.com/gpu","selectors":[{"cel":{"expression":"device.driver == 'gpu.example.com'"}}]}}""");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _informers.DisposeAsync();
        await _api.DisposeAsync();
        _stop.Dispose();
        Assert.Empty(_forbidden.Distinct());
    }

    [Fact]
    public async Task An_extended_resource_is_served_by_devices_counted_once_and_given_back()
    {
        await SliceAsync("""{"name":"g0"},{"name":"g1"}""");
        await CreateAsync(Resources.ResourceQuotas, """{"metadata":{"name":"q","namespace":"d"},"spec":{"hard":{"requests.example.com/gpu":"2"}}}""");
        await EventuallyAsync(async () => (await QuotaUsedAsync()) == "0");
        await CreateAsync(Resources.Pods, Pod("p", """,{"name":"side","image":"i","resources":{"limits":{"example.com/gpu":1}}}"""));
        await EventuallyAsync(async () => (await PodAsync("p")).Spec.NodeName == "n1");
        var status = (await PodAsync("p")).Status.ExtendedResourceClaimStatus;
        Assert.Equal(["c container-0-request-0", "side container-1-request-0"], status.RequestMappings.Select(m => $"{m.ContainerName} {m.RequestName}"));
        var claim = (await Client.FindAsync(Resources.ResourceClaims, new("d", status.ResourceClaimName), default))!.ToTree();
        Assert.Equal(["g0", "g1"], claim["status"]!["allocation"]!["devices"]!["results"]!.AsArray().Select(r => (string)r!["device"]!));
        Assert.NotNull(claim["status"]!["allocation"]!["allocationTimestamp"]);

        // The Pod's two are all there may be, however more are asked for; its claim is not counted beside it.
        await EventuallyAsync(async () => (await QuotaUsedAsync()) == "2");
        var refused = await Assert.ThrowsAsync<StatusException>(async () => await CreateAsync(Resources.ResourceClaims, """{"metadata":{"name":"more","namespace":"d"},"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu"}}]}}}"""));
        Assert.Contains("exceeded quota: q, requested: requests.example.com/gpu=1, used: requests.example.com/gpu=2, limited: requests.example.com/gpu=2", refused.Message, StringComparison.Ordinal);

        await Client.StrategicPatchAsync(Resources.Pods, new("d", "p"), Tree("""{"status":{"phase":"Succeeded"}}"""), "status", default);
        await EventuallyAsync(async () => await Client.FindAsync(Resources.ResourceClaims, new("d", status.ResourceClaimName), default) is null);
        await EventuallyAsync(async () => (await QuotaUsedAsync()) == "0");
        await CreateAsync(Resources.Pods, Pod("next"));
        await EventuallyAsync(async () => (await PodAsync("next")).Spec.NodeName == "n1");
    }

    [Fact]
    public async Task A_claim_of_a_template_waits_for_its_driver_before_the_Pod_is_bound()
    {
        await SliceAsync("""{"name":"fabric","bindsToNode":true,"bindingConditions":["Attached"],"bindingFailureConditions":["Failed"]}""");
        await CreateAsync(Resources.ResourceClaimTemplates, """{"metadata":{"name":"t","namespace":"d"},"spec":{"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu"}}]}}}}""");
        await CreateAsync(Resources.Pods, """{"metadata":{"name":"p","namespace":"d"},"spec":{"resourceClaims":[{"name":"g","resourceClaimTemplateName":"t"}],"containers":[{"name":"c","image":"i","resources":{"claims":[{"name":"g"}]}}]}}""");
        await EventuallyAsync(async () => (await EventsAsync()).Contains("BindingConditionsPending: waiting for binding conditions for device on node n1"));
        Assert.Null((await PodAsync("p")).Spec.NodeName);
        var claim = Assert.Single((await Client.ListAsync(Resources.ResourceClaims, new ListQuery("d"), default)).Items).ToTree();
        Assert.Equal("""["Attached"]""", claim["status"]!["allocation"]!["devices"]!["results"]![0]!["bindingConditions"]!.ToJsonString());
        Assert.Equal("n1", (string?)claim["status"]!["allocation"]!["nodeSelector"]!["nodeSelectorTerms"]![0]!["matchFields"]![0]!["values"]![0]);
        claim["status"]!["devices"] = JsonNode.Parse("""[{"driver":"gpu.example.com","pool":"n1","device":"fabric","conditions":[{"type":"Attached","status":"True","reason":"Done","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}]""");
        await Client.UpdateAsync(Resources.ResourceClaims, claim, "status", default);
        await EventuallyAsync(async () => (await PodAsync("p")).Spec.NodeName == "n1");
    }

    private async Task CountAsync()
    {
        try
        {
            await new QuotaStatusWriter(_api.Cache, Client, TimeProvider.System, NullLogger.Instance).RunAsync(_stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // the test is over
        }
    }

    private Task SliceAsync(string devices) => CreateAsync(Resources.ResourceSlices, $$$"""
        {"metadata":{"name":"s"},"spec":{"driver":"gpu.example.com","nodeName":"n1","pool":{"name":"n1","generation":1,"resourceSliceCount":1},"devices":[{{{devices}}}]} }
        """);

    private static string Pod(string name, string more = "") => $$$$"""
        {"metadata":{"name":"{{{{name}}}}","namespace":"d"},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"example.com/gpu":1}}}{{{{more}}}}]} }
        """;

    private async Task<string?> QuotaUsedAsync() => (string?)(await Client.FindAsync(Resources.ResourceQuotas, new("d", "q"), default))!.ToTree()["status"]?["used"]?["requests.example.com/gpu"];

    private async Task<V1Pod> PodAsync(string name) => (await Client.FindModelAsync(Resources.Pods, new("d", name), default))!;

    private async Task<IReadOnlyList<string>> EventsAsync() => [.. (await Client.ListModelsAsync(Resources.Events, new ListQuery("d"), default)).Select(e => $"{e.Reason}: {e.Message}")];

    private async Task CreateAsync(ResourceId resource, string json)
    {
        var body = Tree(json);
        (body["apiVersion"], body["kind"]) = (resource.Group.Length == 0 ? resource.Version : $"{resource.Group}/{resource.Version}", resource.Kind);
        await Client.CreateAsync(resource, new NamespacedName((string?)body["metadata"]!["namespace"] ?? "", (string)body["metadata"]!["name"]!), body, null, default);
    }

    private static JsonObject Tree(string json) => JsonNode.Parse(json)!.AsObject();
}
