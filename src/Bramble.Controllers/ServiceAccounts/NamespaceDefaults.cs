using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.ServiceAccounts;

/// <summary>Every namespace has a service account <c>default</c>.</summary>
internal sealed class ServiceAccountController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Namespace> _namespaces;
    private readonly IInformer<V1ServiceAccount> _accounts;

    public ServiceAccountController(ControllerContext context)
    {
        _context = context;
        _namespaces = context.Watches(Resources.Namespaces);
        _accounts = context.Watches(Resources.ServiceAccounts, change =>
        {
            if (change.New is null) context.Queue.Add(new NamespacedName("", change.Name.Namespace));
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_namespaces.Find(name) is not { } ns || ns.Status?.Phase == "Terminating" || ns.IsBeingDeleted()) return Requeue.Never;
        if (_accounts.Find(new NamespacedName(name.Name, "default")) is not null) return Requeue.Never;
        await NamespaceDefault.CreateAsync(
            _context.Client, Resources.ServiceAccounts,
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "ServiceAccount",
                ["metadata"] = new JsonObject { ["name"] = "default", ["namespace"] = name.Name },
            },
            cancel);
        return Requeue.Never;
    }
}

/// <summary>Every namespace has the CA of the API server in <c>kube-root-ca.crt</c>, which Pods mount beside their tokens.</summary>
internal sealed class RootCaController : IReconciler
{
    private const string Name = "kube-root-ca.crt";
    private const string Description = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or "
        + "kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

    private readonly ControllerContext _context;
    private readonly IInformer<V1Namespace> _namespaces;
    private readonly IInformer<V1ConfigMap> _maps;

    public RootCaController(ControllerContext context)
    {
        _context = context;
        _namespaces = context.Watches(Resources.Namespaces);
        _maps = context.Watches(Resources.ConfigMaps, change =>
        {
            if (change.Name.Name == Name) context.Queue.Add(new NamespacedName("", change.Name.Namespace));
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_context.Config.RootCaPem.Length == 0 || _namespaces.Find(name) is not { } ns || ns.Status?.Phase == "Terminating" || ns.IsBeingDeleted()) return Requeue.Never;
        var wanted = new JsonObject { ["ca.crt"] = _context.Config.RootCaPem };
        var mapName = new NamespacedName(name.Name, Name);
        if (_maps.FindObject(mapName) is not { } found)
        {
            await NamespaceDefault.CreateAsync(
                _context.Client, Resources.ConfigMaps,
                new JsonObject
                {
                    ["apiVersion"] = "v1",
                    ["kind"] = "ConfigMap",
                    ["metadata"] = new JsonObject
                    {
                        ["name"] = Name,
                        ["namespace"] = name.Name,
                        ["annotations"] = new JsonObject { ["kubernetes.io/description"] = Description },
                    },
                    ["data"] = wanted,
                },
                cancel);
            return Requeue.Never;
        }
        var tree = found.ToTree();
        if (JsonNode.DeepEquals(tree["data"], wanted) && !string.IsNullOrEmpty((string?)tree["metadata"]!["annotations"]?["kubernetes.io/description"])) return Requeue.Never;
        tree["data"] = wanted;
        if (tree["metadata"]!["annotations"] is not JsonObject annotations) tree["metadata"]!["annotations"] = annotations = [];
        annotations["kubernetes.io/description"] = Description;
        await _context.Client.UpdateAsync(Resources.ConfigMaps, tree, null, cancel);
        return Requeue.Never;
    }
}

internal static class NamespaceDefault
{
    public static async Task CreateAsync(IKubeClient client, ResourceId resource, JsonObject body, CancellationToken cancel)
    {
        try
        {
            await client.CreateAsync(resource, body, cancel);
        }
        catch (StatusException e) when (e.IsAlreadyExists || (e.Status.Code == 403 && e.Status.Details?.Causes?.Any(c => c.Reason == "NamespaceTerminating") == true))
        {
            // There already, or the namespace is going: both are fine.
        }
    }
}
