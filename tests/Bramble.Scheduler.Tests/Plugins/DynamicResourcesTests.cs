using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Tests;
using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class DynamicResourcesTests : IAsyncDisposable
{
    private readonly TestCluster _api = new();
    private Informers? _informers;
    private IReadOnlyList<IDisposable> _following = [];

    public async ValueTask DisposeAsync()
    {
        foreach (var one in _following) one.Dispose();
        if (_informers is not null) await _informers.DisposeAsync();
    }

    /// <summary>A change of a claim: name, controller's uid, old and new status (null: not there); and whether it is worth another look for a Pod that uses <c>mine</c>.</summary>
    [Theory]
    [InlineData("mine", null, null, "{}", true)]
    [InlineData("other", null, null, "{}", false)]
    [InlineData("mine", null, "{}", """{"allocation":{}}""", true)]
    [InlineData("mine", null, """{"allocation":{}}""", """{"allocation":{}}""", false)]        // only its finalizer changed, say
    [InlineData("other", null, """{"allocation":{}}""", "{}", true)]                             // its devices are free
    [InlineData("other", null, """{"allocation":{}}""", null, true)]
    [InlineData("other", null, "{}", """{"allocation":{}}""", false)]
    [InlineData("left", "uid-default-p", "{}", null, true)]                                       // the Pod's own, from an earlier try
    [InlineData("left", "uid-default-q", "{}", null, false)]
    public async Task Claims_that_change(string name, string? owner, string? before, string? now, bool helps)
    {
        var plugin = await PluginAsync();
        var pod = Some.Pod("p", with: p => p.Spec.ResourceClaims = [new V1PodResourceClaim { Name = "c", ResourceClaimName = "mine" }]);
        var kind = now is null ? ChangeKinds.ResourceClaimRemoved : before is null ? ChangeKinds.ResourceClaimAdded : ChangeKinds.ResourceClaimChanged;
        Assert.Equal(helps, plugin.Helps(pod, new(kind, Claim(before), Claim(now))));

        DeviceClaim? Claim(string? status) => status is null ? null : DeviceClaim.Of(Tree(name, owner, status));
    }

    public static TheoryData<string, string?, string?, string> Unfit => new()
    {
        { "not made yet", null, null, "pod \"default/p\": ResourceClaim not created yet" },
        { "made for another Pod of this name", "c", """{"metadata":{"ownerReferences":[{"kind":"Pod","uid":"old","controller":true}]}}""", "ResourceClaim default/c was not created for Pod default/p (Pod is not owner)" },
        { "gone again", "c", null, "resourceclaim.resource.k8s.io \"c\" not found" },
        { "going", "c", """{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["f"]}}""", "resourceclaim \"c\" is being deleted" },
        { "a class that does not exist", "c", """{"metadata":{"ownerReferences":[{"kind":"Pod","uid":"uid-default-p","controller":true}]},"spec":{"devices":{"requests":[{"name":"r","firstAvailable":[{"name":"a","deviceClassName":"none"}]}]}}}""",
            "request r/a: device class none does not exist" },
    };

    [Theory]
    [MemberData(nameof(Unfit))]
    public async Task A_claim_that_cannot_be_allocated_yet(string because, string? name, string? claim, string refusal)
    {
        Assert.NotEmpty(because);
        if (claim is not null)
        {
            var tree = JsonNode.Parse(claim)!.AsObject();
            (tree["metadata"]!["name"], tree["metadata"]!["namespace"]) = (name, "default");
            await _api.CreateAsync(Resources.ResourceClaims, new NamespacedName("default", name!), tree, null, default);
        }
        var plugin = await PluginAsync();
        var pod = Some.Pod("p", with: p =>
        {
            p.Spec.ResourceClaims = [new V1PodResourceClaim { Name = "g", ResourceClaimTemplateName = "t" }];
            if (name is not null) p.Status.ResourceClaimStatuses = [new V1PodResourceClaimStatus { Name = "g", ResourceClaimName = name }];
        });
        Assert.Equal(refusal, Assert.Single(plugin.Prepare(pod, new ClusterState()).Refusal.Reasons!));
        Assert.Equal(because == "a class that does not exist", plugin.HasAllClaims(pod));
    }

    private static JsonObject Tree(string name, string? owner, string status)
    {
        var tree = JsonNode.Parse($$"""{"metadata":{"name":"{{name}}","namespace":"default"},"status":{{status}}}""")!.AsObject();
        if (owner is null) return tree;
        tree["metadata"]!["annotations"] = new JsonObject { ["resource.kubernetes.io/extended-resource-claim"] = "true" };
        tree["metadata"]!["ownerReferences"] = new JsonArray((JsonNode)new JsonObject { ["kind"] = "Pod", ["uid"] = owner, ["controller"] = true });
        return tree;
    }

    private async Task<DynamicResources> PluginAsync()
    {
        _informers = new Informers(_api, TimeProvider.System, NullLoggerFactory.Instance);
        var view = new DeviceView(_informers, TimeProvider.System);
        await view.Synced;
        _following = view.Follow(_ => { });
        return new DynamicResources(view, _api, TimeProvider.System, new DynamicResourcesArgs());
    }
}
