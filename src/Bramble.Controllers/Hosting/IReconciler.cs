using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Controllers.Hosting;

/// <summary>When a key is to be looked at again although nothing changed.</summary>
internal readonly record struct Requeue(TimeSpan? Delay)
{
    public static readonly Requeue Never = new(null);

    /// <summary>Changes that came while the key was being looked at are looked at together when this is over.</summary>
    public TimeSpan Pause { get; init; }

    public static Requeue After(TimeSpan delay) => new(delay);

    /// <summary>The earlier of both.</summary>
    public Requeue Or(TimeSpan? other) => other is { } delay && (Delay is null || delay < Delay) ? new(delay) : this;
}

/// <summary>Brings one object nearer to what it should be. Level-triggered and safe to repeat; an exception means: again, after a back-off.</summary>
internal interface IReconciler
{
    Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel);
}

/// <summary>What a controller gets from its host; in its constructor it declares what it watches.</summary>
internal sealed class ControllerContext(
    string identity, ControllersConfig config, IKubeClient client, IInformers informers, TimeProvider time, EventRecorder events, ILogger log) : IDisposable
{
    private readonly List<Task> _synced = [];
    private readonly List<Action> _subscribe = [];

    public string Identity => identity;
    public ControllersConfig Config => config;
    public IKubeClient Client => client;
    public TimeProvider Time => time;
    public EventRecorder Events => events;
    public ILogger Log => log;
    public WorkQueue<NamespacedName> Queue { get; } = new(time);
    public IInformers Informers => informers;

    /// <summary>Done when all that is watched is there.</summary>
    public Task Synced => Task.WhenAll(_synced);

    /// <summary>The shared copy, only read.</summary>
    public IInformer<T> Reads<T>(Resource<T> resource) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var informer = informers.For(resource);
        _synced.Add(informer.Synced);
        return informer;
    }

    /// <summary>Every change adds the object's own name.</summary>
    public IInformer<T> Watches<T>(Resource<T> resource) where T : class, IKubernetesObject<V1ObjectMeta> =>
        Watches(resource, change => Queue.Add(change.Name));

    public IInformer<T> Watches<T>(Resource<T> resource, Action<ObjectChange<T>> handler) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var informer = Reads(resource);
        _subscribe.Add(() => informer.Subscribe(handler));
        return informer;
    }

    /// <summary>As <see cref="Reads"/>, of a resource that has no model class or whose model would leave something out.</summary>
    public IInformer<KubeObject> ReadsObjects(ResourceId resource)
    {
        var informer = informers.ForObjects(resource);
        _synced.Add(informer.Synced);
        return informer;
    }

    public IInformer<KubeObject> WatchesObjects(ResourceId resource, Action<ObjectChange<KubeObject>> handler)
    {
        var informer = ReadsObjects(resource);
        _subscribe.Add(() => informer.Subscribe(handler));
        return informer;
    }

    /// <summary>Begins to hear of changes: after the constructor, so that a handler never meets a half-built controller.</summary>
    public void Subscribe()
    {
        foreach (var subscribe in _subscribe) subscribe();
    }

    public void Dispose() => Queue.Dispose();
}
