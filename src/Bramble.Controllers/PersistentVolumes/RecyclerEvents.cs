using System.Collections.Concurrent;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>Repeats the events of a recycling Pod at its volume, where the user looks. Watches only while such a Pod is at work: the binder may not list
/// events. Those of an earlier Pod of that name are told again, as upstream does. Thread-safe.</summary>
internal sealed class RecyclerEvents(ControllerContext context)
{
    private readonly ConcurrentDictionary<string, CancellationTokenSource> _watching = new(StringComparer.Ordinal);

    /// <summary>Until <see cref="End"/>, or the server closes the watch: longer than a Pod may take.</summary>
    public void Begin(V1PersistentVolume volume, CancellationToken cancel)
    {
        End(volume.Metadata.Name);
        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        _watching[volume.Metadata.Name] = stop;
        _ = RepeatAsync(volume, stop.Token);
    }

    public void End(string volume)
    {
        if (!_watching.TryRemove(volume, out var stop)) return;
        stop.Cancel();
        stop.Dispose();
    }

    private async Task RepeatAsync(V1PersistentVolume volume, CancellationToken cancel)
    {
        var pod = Recycler.PodOf(volume);
        try
        {
            var query = new ListQuery(pod.Namespace, FieldSelector: $"involvedObject.name={pod.Name}");
            await foreach (var change in context.Client.WatchAsync(Resources.Events, query, cancel))
            {
                if (change.Type != WatchEventType.Added) continue;
                var told = change.Object.Model<Corev1Event>();
                context.Events.Record(EventSubject.Of(Resources.PersistentVolumes, volume), told.Type, "RecyclerPod", $"Recycler pod: {told.Message}");
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The Pod has ended, or everything does.
        }
        catch (Exception e)
        {
            ControllersLog.RecyclerEventsLost(context.Log, pod, e.Message);
        }
    }
}
