using System.Text.Json.Nodes;
using Bramble.Client;

namespace Bramble.Controllers.GarbageCollection;

/// <summary>A resource that is not built in.</summary>
/// <param name="Versions">All in which it is served; it is watched in one.</param>
internal sealed record FoundResource(ResourceId Resource, IReadOnlyList<string> Versions);

/// <summary>Watches the resources that come and go: those of CustomResourceDefinitions and of other servers behind APIServices. Their objects own and are owned as all
/// others. Each definition or APIService has a key of its own. Thread-safe; one key is set by one caller at a time.</summary>
internal sealed class FoundResources(IInformers informers, Action<ResourceId, ObjectChange<KubeObject>> changed)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<(FoundResource Found, IDisposable Subscription)>> _watched = new(StringComparer.Ordinal);

    /// <summary>The resource of a kind; null: it is not served, or not in this version.</summary>
    public ResourceId? Find(string group, string version, string kind)
    {
        lock (_gate)
            foreach (var watched in _watched.Values)
                foreach (var (found, _) in watched)
                    if (found.Resource.Group == group && found.Resource.Kind == kind && found.Versions.Contains(version)) return found.Resource;
        return null;
    }

    public bool Has(string key)
    {
        lock (_gate) return _watched.ContainsKey(key);
    }

    /// <summary>What is served now. A resource that another key watches already (in another version) is left to that one.</summary>
    /// <returns>The resources that are watched no more: nothing is known of their objects from now on.</returns>
    public List<ResourceId> Set(string key, IReadOnlyList<FoundResource> wanted)
    {
        var leaving = new List<(FoundResource Found, IDisposable Subscription)>();
        var coming = new List<FoundResource>();
        lock (_gate)
        {
            var known = _watched.GetValueOrDefault(key) ?? [];
            leaving.AddRange(known.Where(k => !wanted.Any(w => w.Resource == k.Found.Resource)));
            coming.AddRange(wanted.Where(w => !_watched.Any(others => others.Value.Exists(k => k.Found.Resource == w.Resource || (others.Key != key && k.Found.Resource.GroupResource == w.Resource.GroupResource)))));
            known = [.. known.Except(leaving).Select(k => (wanted.First(w => w.Resource == k.Found.Resource), k.Subscription))];
            if (known.Count > 0) _watched[key] = known;
            else _watched.Remove(key);
        }
        foreach (var (found, subscription) in leaving)
        {
            subscription.Dispose();
            informers.Forget(found.Resource);
        }
        foreach (var found in coming)
        {
            var subscription = informers.ForObjects(found.Resource).Subscribe(c => changed(found.Resource, c));
            lock (_gate)
            {
                if (!_watched.TryGetValue(key, out var known)) _watched.Add(key, known = []);
                known.Add((found, subscription));
            }
        }
        return [.. leaving.Select(k => k.Found.Resource).Where(gone => !coming.Exists(w => w.Resource.GroupResource == gone.GroupResource))];
    }

    /// <summary>What a definition makes the API serve; null: nothing, yet.</summary>
    public static FoundResource? Of(JsonObject definition)
    {
        var isEstablished = (definition["status"]?["conditions"] as JsonArray ?? []).Any(c => (string?)c?["type"] == "Established" && (string?)c["status"] == "True");
        if (!isEstablished || definition["spec"] is not JsonObject spec) return null;
        var versions = (spec["versions"] as JsonArray ?? []).Where(v => (bool?)v?["served"] == true).Select(v => (string)v!["name"]!).ToList();
        return versions.Count == 0 ? null : new FoundResource(
            new ResourceId((string)spec["group"]!, versions[0], (string)spec["names"]!["plural"]!, (string)spec["names"]!["kind"]!, (string?)spec["scope"] == "Namespaced"), versions);
    }
}
