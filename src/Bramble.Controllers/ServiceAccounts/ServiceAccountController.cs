using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Namespaces;
using k8s.Models;

namespace Bramble.Controllers.ServiceAccounts;

/// <summary>Every namespace has a service account <c>default</c>.</summary>
internal sealed class ServiceAccountController : IReconciler
{
    private const string Default = "default";

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
        if (Decide(_namespaces.Find(name), _accounts.Find(new NamespacedName(name.Name, Default))) is { } account)
            await NamespaceDefault.CreateAsync(_context.Client, Resources.ServiceAccounts, account, cancel);
        return Requeue.Never;
    }

    /// <param name="account">What there is under the name.</param>
    /// <returns>The account to be made; null: none. Pure.</returns>
    public static JsonObject? Decide(V1Namespace? ns, V1ServiceAccount? account) => !NamespaceDefault.IsGivenTo(ns) || account is not null ? null : new JsonObject
    {
        ["apiVersion"] = "v1",
        ["kind"] = "ServiceAccount",
        ["metadata"] = new JsonObject { ["name"] = Default, ["namespace"] = ns!.Metadata.Name },
    };
}
