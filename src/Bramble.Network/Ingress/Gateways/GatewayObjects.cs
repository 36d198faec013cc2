using System.Runtime.CompilerServices;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.GatewayApi;
using Bramble.Network.Ingress.Proxying;

namespace Bramble.Network.Ingress.Gateways;

/// <summary>The local copies of the Gateway API's objects, read once a version. Custom resources: where their definitions are missing the copies stay empty.</summary>
internal sealed class GatewayObjects(IInformers informers)
{
    private readonly ConditionalWeakTable<KubeObject, object> _read = [];
    private readonly IInformer<KubeObject> _classes = informers.ForObjects(GatewayKinds.Classes);
    private readonly IInformer<KubeObject> _gateways = informers.ForObjects(GatewayKinds.Gateways);
    private readonly IInformer<KubeObject> _routes = informers.ForObjects(GatewayKinds.HttpRoutes);
    private readonly IInformer<KubeObject> _grants = informers.ForObjects(GatewayKinds.Grants);

    public Task Synced => Task.WhenAll(_classes.Synced, _gateways.Synced, _routes.Synced, _grants.Synced);

    /// <summary>The objects as they are now, whose status is to be written.</summary>
    public KubeObject? FindClass(string name) => _classes.FindObject(new("", name));

    public KubeObject? FindGateway(NamespacedName name) => _gateways.FindObject(name);

    public IReadOnlyList<KubeObject> AllRoutes => _routes.List();

    public IDisposable Subscribe(Action changed)
    {
        IDisposable[] all = [.. new[] { _classes, _gateways, _routes, _grants }.Select(informer => informer.Subscribe(_ => changed()))];
        return new Subscriptions(all);
    }

    public GatewayWorld World(Func<string, IDictionary<string, string>?> labelsOf, Func<NamespacedName, bool> hasCertificate, IngressPorts ports) => new(
        All(_classes, GatewayClass.Read), All(_gateways, Gateway.Read), All(_routes, HttpRoute.Read), All(_grants, ReferenceGrant.Read), labelsOf, hasCertificate, ports);

    private List<T> All<T>(IInformer<KubeObject> informer, Func<KubeObject, T> read) where T : class =>
        [.. informer.List().Select(found => (T)_read.GetValue(found, version => read(version)))];

    private sealed class Subscriptions(IDisposable[] all) : IDisposable
    {
        public void Dispose()
        {
            foreach (var one in all) one.Dispose();
        }
    }
}
