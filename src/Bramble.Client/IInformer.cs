using Bramble.Api.Naming;
using k8s;
using k8s.Models;

namespace Bramble.Client;

/// <summary>A change of the local copy. <c>Old</c> null: new; <c>New</c> null: gone.</summary>
public readonly record struct ObjectChange<T>(NamespacedName Name, T? Old, T? New) where T : class;

/// <summary>Reads of a local copy of one resource. Models are shared: never change one. Thread-safe, no I/O.</summary>
public interface ILister<T> where T : class
{
    T? Find(NamespacedName name);

    /// <param name="ns">Empty: all namespaces.</param>
    IReadOnlyList<T> List(string ns = "");

    /// <summary>Objects under <paramref name="value"/> in an index declared with <see cref="IInformer{T}.AddIndex"/>.</summary>
    IReadOnlyList<T> ByIndex(string index, string value);
}

/// <summary>Keeps a local copy of one resource current by list and watch, and tells subscribers of every change in order.</summary>
public interface IInformer<T> : ILister<T> where T : class
{
    ResourceId Resource { get; }

    /// <summary>Done when the first list is in.</summary>
    Task Synced { get; }

    /// <summary>Newest resourceVersion the copy has reached.</summary>
    long ResourceVersion { get; }

    /// <summary>The object with its bytes, from which a lossless tree can be made.</summary>
    KubeObject? FindObject(NamespacedName name);

    /// <summary>Adds an index; one that is already there under this name stays. <paramref name="values"/>: the index values of one object.</summary>
    void AddIndex(string index, Func<T, IEnumerable<string>> values);

    /// <summary>The handler is called on the informer's own task, first with all that is there, then with each change; it must not block.</summary>
    IDisposable Subscribe(Action<ObjectChange<T>> handler);

    /// <summary>Done when <paramref name="condition"/> holds; it is asked now and after each change of the copy.</summary>
    Task WaitUntilAsync(Func<bool> condition, CancellationToken cancel);
}

/// <summary>One informer a resource, shared by every part of the process.</summary>
public interface IInformers
{
    IInformer<T> For<T>(Resource<T> resource) where T : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>A local copy of one object, listed and watched by its name: for who may not see the others.</summary>
    IInformer<T> ForOne<T>(Resource<T> resource, NamespacedName name) where T : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>A local copy of the pods of one node only.</summary>
    IInformer<V1Pod> ForPodsOf(string node);

    /// <summary>The same local copy without models: for what handles every resource alike.</summary>
    IInformer<KubeObject> ForObjects(ResourceId resource);

    /// <summary>Ends the copy of a resource that is served no more (its definition went), unless somebody else hears of its changes: it may be served again.</summary>
    void Forget(ResourceId resource);
}
