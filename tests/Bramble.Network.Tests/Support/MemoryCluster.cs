using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using k8s;
using k8s.Models;

namespace Bramble.Network.Tests.Support;

/// <summary>A cluster's objects in memory: informers over them, and the client for those that the network writes itself.</summary>
internal sealed class MemoryCluster : IInformers, IKubeClient
{
    private readonly Dictionary<string, object> _informers = [];
    private readonly Lock _gate = new();

    public IInformer<KubeObject> ForObjects(ResourceId resource) => throw new NotSupportedException(resource.Plural);

    public void Forget(ResourceId resource) => throw new NotSupportedException(resource.Plural);

    public IInformer<T> For<T>(Resource<T> resource) where T : class, IKubernetesObject<V1ObjectMeta> => Objects(resource);

    public IInformer<V1Pod> ForPodsOf(string node) => Objects(Resources.Pods);

    public IInformer<T> ForOne<T>(Resource<T> resource, NamespacedName name) where T : class, IKubernetesObject<V1ObjectMeta> => Objects(resource);

    public MemoryInformer<T> Objects<T>(Resource<T> resource) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        lock (_gate)
        {
            if (_informers.TryGetValue(resource.Plural, out var known)) return (MemoryInformer<T>)known;
            var made = new MemoryInformer<T>(resource);
            _informers[resource.Plural] = made;
            return made;
        }
    }

    /// <summary>What was written through the client, by path.</summary>
    public Dictionary<string, JsonObject> Written { get; } = [];

    public ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel)
    {
        lock (_gate) return ValueTask.FromResult(Written.TryGetValue(resource.Path(name.Namespace, name.Name), out var tree) ? AsObject(name, tree) : null);
    }

    public ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => ValueTask.FromResult(new ObjectList([], "1", null));

    public IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, CancellationToken cancel) => throw new NotSupportedException();

    public ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) =>
        UpdateAsync(resource, name, body, subresource, cancel);

    public ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        lock (_gate) Written[resource.Path(name.Namespace, name.Name)] = body;
        return ValueTask.FromResult(AsObject(name, body));
    }

    public ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel) =>
        UpdateAsync(resource, name, patch.Body.AsObject(), subresource, cancel);

    public ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel)
    {
        lock (_gate) return ValueTask.FromResult(Written.Remove(resource.Path(name.Namespace, name.Name)));
    }

    private static KubeObject AsObject(NamespacedName name, JsonObject tree) => new(name, "", 1, Encoding.UTF8.GetBytes(tree.ToJsonString()));
}

/// <summary>One resource's objects; handlers are called at once, as an informer does.</summary>
internal sealed class MemoryInformer<T>(ResourceId resource) : IInformer<T> where T : class, IKubernetesObject<V1ObjectMeta>
{
    private readonly Dictionary<NamespacedName, T> _objects = [];
    private readonly List<Action<ObjectChange<T>>> _handlers = [];
    private readonly Lock _gate = new();

    public ResourceId Resource => resource;
    public Task Synced => Task.CompletedTask;
    public long ResourceVersion => 1;

    public void Set(T obj) => Change(NameOf(obj), obj);
    public void Delete(T obj) => Change(NameOf(obj), null);

    public T? Find(NamespacedName name)
    {
        lock (_gate) return _objects.GetValueOrDefault(name);
    }

    public IReadOnlyList<T> List(string ns = "")
    {
        lock (_gate) return [.. _objects.Where(o => ns.Length == 0 || o.Key.Namespace == ns).Select(o => o.Value)];
    }

    public KubeObject? FindObject(NamespacedName name) => throw new NotSupportedException(name.ToString());

    public Task WaitUntilAsync(Func<bool> condition, CancellationToken cancel) => throw new NotSupportedException();

    public IReadOnlyList<T> ByIndex(string index, string value) => throw new NotSupportedException(index);
    public void AddIndex(string index, Func<T, IEnumerable<string>> values) { }

    public IDisposable Subscribe(Action<ObjectChange<T>> handler)
    {
        lock (_gate)
        {
            foreach (var (name, obj) in _objects) handler(new(name, null, obj));
            _handlers.Add(handler);
        }
        return new Subscription(() =>
        {
            lock (_gate) _handlers.Remove(handler);
        });
    }

    private static NamespacedName NameOf(T obj) => new(obj.Metadata.NamespaceProperty ?? "", obj.Metadata.Name);

    private void Change(NamespacedName name, T? now)
    {
        lock (_gate)
        {
            var old = _objects.GetValueOrDefault(name);
            if (now is null) _objects.Remove(name);
            else _objects[name] = now;
            foreach (var handler in _handlers) handler(new(name, old, now));
        }
    }

    private sealed class Subscription(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
