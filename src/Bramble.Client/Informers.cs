using Bramble.Api.Naming;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Client;

/// <summary>The informers of a process over one client: one list and watch a resource however many parts read it. An informer starts when it is first
/// asked for. Thread-safe.</summary>
public sealed class Informers(IKubeClient client, TimeProvider time, ILoggerFactory logs) : IInformers, IAsyncDisposable
{
    private static readonly ListQuery All = new();

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Group, string Plural, ListQuery Which), (ObjectInformer Informer, Task Running, CancellationTokenSource Stop)> _informers = [];
    private readonly List<Task> _leaving = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly ILogger _log = logs.CreateLogger("informers");

    public IInformer<T> For<T>(Resource<T> resource) where T : class, IKubernetesObject<V1ObjectMeta> => new TypedInformer<T>(Get(resource, All));

    public IInformer<T> ForOne<T>(Resource<T> resource, NamespacedName name) where T : class, IKubernetesObject<V1ObjectMeta> => new TypedInformer<T>(Get(resource, new ListQuery(name.Namespace, FieldSelector: $"metadata.name={name.Name}")));

    public IInformer<V1Pod> ForPodsOf(string node) => new TypedInformer<V1Pod>(Get(Resources.Pods, new ListQuery(FieldSelector: $"spec.nodeName={node}")));

    public IInformer<KubeObject> ForObjects(ResourceId resource) => Get(resource, All);

    public async ValueTask DisposeAsync()
    {
        _stop.Cancel();
        Task[] running;
        lock (_gate) running = [.. _informers.Values.Select(i => i.Running), .. _leaving];
        await Task.WhenAll(running);
        lock (_gate)
            foreach (var (_, _, stop) in _informers.Values) stop.Dispose();
        _stop.Dispose();
    }

    public void Forget(ResourceId resource)
    {
        lock (_gate)
        {
            var key = (resource.Group, resource.Plural, All);
            if (!_informers.TryGetValue(key, out var known) || known.Informer.HasSubscribers) return;
            _informers.Remove(key);
            _leaving.RemoveAll(task => task.IsCompleted);
            _leaving.Add(EndAsync(known.Running, known.Stop));
        }

        static async Task EndAsync(Task running, CancellationTokenSource stop)
        {
            stop.Cancel();
            await running;
            stop.Dispose();
        }
    }

    private ObjectInformer Get(ResourceId resource, ListQuery which)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
            var key = (resource.Group, resource.Plural, which);
            if (_informers.TryGetValue(key, out var known)) return known.Informer;
            var informer = new ObjectInformer(resource, which, client, time, _log);
            var stop = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            _informers.Add(key, (informer, informer.RunAsync(stop.Token), stop));
            return informer;
        }
    }
}

/// <summary>An informer's copy seen through the official client's models; each model is parsed at most once a version, whoever asks.</summary>
internal sealed class TypedInformer<T>(ObjectInformer objects) : IInformer<T> where T : class, IKubernetesObject<V1ObjectMeta>
{
    public ResourceId Resource => objects.Resource;
    public Task Synced => objects.Synced;
    public long ResourceVersion => objects.ResourceVersion;

    public T? Find(NamespacedName name) => objects.Find(name)?.Model<T>();

    public KubeObject? FindObject(NamespacedName name) => objects.Find(name);

    public IReadOnlyList<T> List(string ns = "") => Models(objects.List(ns));

    public IReadOnlyList<T> ByIndex(string index, string value) => Models(objects.ByIndex(index, value));

    public void AddIndex(string index, Func<T, IEnumerable<string>> values) => objects.AddIndex(index, o => values(o.Model<T>()));

    public IDisposable Subscribe(Action<ObjectChange<T>> handler) =>
        objects.Subscribe(change => handler(new(change.Name, change.Old?.Model<T>(), change.New?.Model<T>())));

    public Task WaitUntilAsync(Func<bool> condition, CancellationToken cancel) => objects.WaitUntilAsync(condition, cancel);

    private static T[] Models(IReadOnlyList<KubeObject> found)
    {
        var models = new T[found.Count];
        for (var i = 0; i < models.Length; i++) models[i] = found[i].Model<T>();
        return models;
    }
}
