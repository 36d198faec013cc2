using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Namespaces;
using k8s.Models;

namespace Bramble.Controllers.Certificates;

/// <summary>Every namespace has the CA of the API server.</summary>
internal sealed class RootCaController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Namespace> _namespaces;
    private readonly IInformer<V1ConfigMap> _maps;

    public RootCaController(ControllerContext context)
    {
        _context = context;
        _namespaces = context.Watches(Resources.Namespaces);
        _maps = context.Watches(Resources.ConfigMaps, change =>
        {
            if (change.Name.Name == RootCa.Name) context.Queue.Add(new NamespacedName("", change.Name.Namespace));
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        switch (RootCa.Decide(_namespaces.Find(name), _maps.FindObject(new NamespacedName(name.Name, RootCa.Name)), _context.Config.RootCaPem))
        {
            case RootCa.Create(var map):
                await NamespaceDefault.CreateAsync(_context.Client, Resources.ConfigMaps, map, cancel);
                break;
            case RootCa.Update(var map):
                await _context.Client.UpdateAsync(Resources.ConfigMaps, map, null, cancel);
                break;
        }
        return Requeue.Never;
    }
}
