using Bramble.Api.Naming;
using Bramble.Client;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Api;

/// <summary>The ConfigMaps and Secrets that pods of this node use: each watched once while any pod uses it, so that a change reaches files at once and
/// reads cost nothing. Node authorization allows no more than single names. Thread-safe.</summary>
internal sealed class ObjectWatches(IKubeClient client, TimeProvider time, ILoggerFactory logs) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(ResourceId, NamespacedName), Watched> _watched = [];
    private readonly ILogger _log = logs.CreateLogger("Bramble.Kubelet.Api");

    /// <summary>Makes <paramref name="used"/> the set of objects that <paramref name="pod"/> uses; <paramref name="changed"/> is called on each change.</summary>
    public void Use(string pod, IReadOnlySet<(ResourceId Resource, NamespacedName Name)> used, Action changed)
    {
        lock (_gate)
        {
            foreach (var key in used)
            {
                if (!_watched.TryGetValue(key, out var watched)) _watched[key] = watched = Start(key.Resource, key.Name);
                watched.Users[pod] = changed;
            }
            foreach (var (key, watched) in _watched.ToList())
            {
                if (used.Contains(key) || !watched.Users.Remove(pod) || watched.Users.Count > 0) continue;
                _watched.Remove(key);
                watched.Cancel.Cancel();
            }
        }
    }

    public void Forget(string pod) => Use(pod, new HashSet<(ResourceId, NamespacedName)>(), () => { });

    /// <summary>The object, after its first list (bounded); asked of the API when nobody watches it. Null: it does not exist.</summary>
    public async ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel)
    {
        Watched? watched;
        lock (_gate) watched = _watched.GetValueOrDefault((resource, name));
        if (watched is null) return await client.FindAsync(resource, name, cancel);
        if (!watched.Reflector.Synced.IsCompleted)
            await watched.Reflector.Synced.WaitAsync(TimeSpan.FromSeconds(20), time, cancel);
        return watched.Reflector.Find(name);
    }

    private Watched Start(ResourceId resource, NamespacedName name)
    {
        var watched = new Watched();
        var query = new ListQuery(name.Namespace, FieldSelector: $"metadata.name={name.Name}");
        watched.Reflector = new Reflector(client, resource, query, _ => Notify(watched), time, _log);
        watched.Running = Task.Run(() => watched.Reflector.RunAsync(watched.Cancel.Token));
        return watched;
    }

    private void Notify(Watched watched)
    {
        List<Action> users;
        lock (_gate) users = [.. watched.Users.Values];
        foreach (var user in users) user();
    }

    public void Dispose()
    {
        lock (_gate)
            foreach (var watched in _watched.Values) watched.Cancel.Cancel();
    }

    private sealed class Watched
    {
        public Dictionary<string, Action> Users { get; } = [];
        public CancellationTokenSource Cancel { get; } = new();
        public Reflector Reflector { get; set; } = null!;
        public Task Running { get; set; } = Task.CompletedTask;
    }
}
