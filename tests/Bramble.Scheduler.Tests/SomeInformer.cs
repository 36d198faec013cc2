using Bramble.Api.Naming;
using Bramble.Client;
using k8s;
using k8s.Models;

namespace Bramble.Scheduler.Tests;

/// <summary>A local copy that a test fills.</summary>
internal sealed class SomeInformer<T>(ResourceId resource) : IInformer<T> where T : class
{
    private readonly Dictionary<NamespacedName, T> _objects = [];
    private readonly Dictionary<string, Func<T, IEnumerable<string>>> _indexes = [];

    public ResourceId Resource => resource;
    public Task Synced => Task.CompletedTask;
    public long ResourceVersion => 0;

    public void Set(T model)
    {
        var metadata = ((IKubernetesObject<V1ObjectMeta>)model).Metadata;
        _objects[new(metadata.NamespaceProperty ?? "", metadata.Name)] = model;
    }

    public T? Find(NamespacedName name) => _objects.GetValueOrDefault(name);

    public KubeObject? FindObject(NamespacedName name) => null;

    public IReadOnlyList<T> List(string ns = "") => [.. _objects.Where(o => ns.Length == 0 || o.Key.Namespace == ns).Select(o => o.Value)];

    public IReadOnlyList<T> ByIndex(string index, string value) => [.. _objects.Values.Where(o => _indexes[index](o).Contains(value))];

    public void AddIndex(string index, Func<T, IEnumerable<string>> values) => _indexes.TryAdd(index, values);

    public IDisposable Subscribe(Action<ObjectChange<T>> handler) => new CancellationTokenSource();

    public Task WaitUntilAsync(Func<bool> condition, CancellationToken cancel) => condition() ? Task.CompletedTask : Task.Delay(Timeout.Infinite, cancel);
}

/// <summary>One copy a resource, filled by the test.</summary>
internal sealed class SomeInformers : IInformers
{
    private readonly Dictionary<string, object> _informers = [];

    public SomeInformer<T> Of<T>(Resource<T> resource) where T : class, IKubernetesObject<V1ObjectMeta> => (SomeInformer<T>)For(resource);

    public IInformer<T> For<T>(Resource<T> resource) where T : class, IKubernetesObject<V1ObjectMeta> => Get<T>(resource);

    public IInformer<V1Pod> ForPodsOf(string node) => Get<V1Pod>(Resources.Pods);

    public IInformer<T> ForOne<T>(Resource<T> resource, NamespacedName name) where T : class, IKubernetesObject<V1ObjectMeta> => Get<T>(resource);

    public IInformer<KubeObject> ForObjects(ResourceId resource) => Get<KubeObject>(resource);

    public void Forget(ResourceId resource)
    {
    }

    private IInformer<T> Get<T>(ResourceId resource) where T : class
    {
        var key = $"{typeof(T).Name} {resource.Plural}";
        if (!_informers.TryGetValue(key, out var known)) _informers.Add(key, known = new SomeInformer<T>(resource));
        return (IInformer<T>)known;
    }
}
