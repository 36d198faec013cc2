using System.Text.Json.Nodes;
using Bramble.Client;

namespace Bramble.Controllers.GarbageCollection;

/// <summary>Watches the custom resources there are: they own and are owned as all others. They come and go with their definitions.</summary>
internal sealed class CustomResources(IInformers informers, Action<ResourceId, ObjectChange<KubeObject>> changed)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (ResourceId Resource, IDisposable Subscription)> _watched = new(StringComparer.Ordinal);

    /// <summary>The resource of a kind; null: it is not served.</summary>
    public ResourceId? Find(string group, string kind)
    {
        lock (_gate)
            foreach (var (resource, _) in _watched.Values)
                if (resource.Group == group && resource.Kind == kind) return resource;
        return null;
    }

    public void DefinitionChanged(ObjectChange<KubeObject> change)
    {
        if (change.New is null || change.Old is { } old && old.Uid != change.New.Uid) Leave(change.Name.Name);
        if (change.New is not { } now || ServedBy(now.ToTree()) is not { } resource) return;
        lock (_gate)
            if (_watched.ContainsKey(change.Name.Name)) return;
        var subscription = informers.ForObjects(resource).Subscribe(c => changed(resource, c));
        lock (_gate) _watched[change.Name.Name] = (resource, subscription);
    }

    private void Leave(string definition)
    {
        (ResourceId Resource, IDisposable Subscription) known;
        lock (_gate)
            if (!_watched.Remove(definition, out known)) return;
        known.Subscription.Dispose();
        informers.Forget(known.Resource); // nobody else watches custom resources
    }

    private static ResourceId? ServedBy(JsonObject definition)
    {
        var isEstablished = (definition["status"]?["conditions"] as JsonArray ?? []).Any(c => (string?)c?["type"] == "Established" && (string?)c["status"] == "True");
        if (!isEstablished || definition["spec"] is not JsonObject spec || (spec["versions"] as JsonArray ?? []).FirstOrDefault(v => (bool?)v?["served"] == true) is not { } version) return null;
        return new ResourceId((string)spec["group"]!, (string)version["name"]!, (string)spec["names"]!["plural"]!, (string)spec["names"]!["kind"]!, (string?)spec["scope"] == "Namespaced");
    }
}
