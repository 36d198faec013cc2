using System.Text.Json.Nodes;
using Bramble.Api.Discovery;

namespace Bramble.ApiServer.Aggregation;

/// <summary>What discovery shows of remote servers: their last answers, marked stale while they cannot be asked. The list is made anew only when something changed. Thread-safe.</summary>
internal sealed class RemoteDiscovery(RemoteServiceIndex index)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (string Spec, RemoteKnowledge Said)> _said = new(StringComparer.Ordinal);
    private (IReadOnlyCollection<RemoteService> Of, IReadOnlyList<RemoteGroupVersion> List) _shown = ([], []);

    public IReadOnlyList<RemoteGroupVersion> Current
    {
        get
        {
            var all = index.All;
            lock (_lock)
            {
                if (!ReferenceEquals(_shown.Of, all)) _shown = (all, all.Count == 0 ? [] : [.. all.OrderBy(remote => remote.Name, StringComparer.Ordinal).Select(Shown)]);
                return _shown.List;
            }
        }
    }

    /// <summary>Null: it has not been heard yet.</summary>
    public RemoteKnowledge? Of(RemoteService remote)
    {
        lock (_lock) return _said.TryGetValue(remote.Name, out var known) && known.Spec == remote.Spec ? known.Said : null;
    }

    public void Learn(RemoteService remote, RemoteKnowledge said)
    {
        lock (_lock)
        {
            if (_said.TryGetValue(remote.Name, out var known) && known.Spec == remote.Spec && known.Said.OpenApiUrl == said.OpenApiUrl && JsonNode.DeepEquals(known.Said.Resources, said.Resources)) return;
            _said[remote.Name] = (remote.Spec, said);
            _shown = ([], []);
        }
    }

    /// <summary>Forgets whom the cluster has forgotten.</summary>
    public void Keep(IReadOnlySet<string> names)
    {
        lock (_lock)
            foreach (var name in _said.Keys.Where(name => !names.Contains(name)).ToList()) _said.Remove(name);
    }

    private RemoteGroupVersion Shown(RemoteService remote)
    {
        var said = _said.TryGetValue(remote.Name, out var known) && known.Spec == remote.Spec ? known.Said : null;
        return new(remote.Group, remote.Version, remote.GroupPriority, remote.VersionPriority, said?.Resources ?? [], remote.IsAvailable && said is not null);
    }
}
