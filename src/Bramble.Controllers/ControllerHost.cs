using System.Net.Sockets;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Microsoft.Extensions.Logging;

namespace Bramble.Controllers;

/// <summary>Runs all controllers: queues, workers, back-off, each with its own service account as upstream's controller manager does.
/// Costs nothing while nothing changes.</summary>
/// <param name="clients">The client of a controller by the name of its service account in kube-system: <c>deployment-controller</c>; a name with a colon is a
/// user of its own.</param>
public sealed class ControllerHost(
    ControllersConfig config, Func<string, IKubeClient> clients, IInformers informers, TimeProvider time, ILoggerFactory logs)
{
    private const int Workers = 3;

    private readonly ILogger _log = logs.CreateLogger("controllers");
    private readonly Lock _gate = new();
    private readonly List<(string Name, WorkQueue<NamespacedName> Queue)> _queues = [];

    /// <summary>Until cancelled; then each worker finishes its object.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        await Task.WhenAll(BuiltInControllers.All(config).Select(definition => RunAsync(definition, cancel)));
    }

    /// <summary>Upstream's metrics of the controllers' queues, as Prometheus reads them.</summary>
    public string Metrics()
    {
        var metrics = new WorkQueueMetrics();
        lock (_gate)
        {
            foreach (var (name, queue) in _queues) queue.WriteTo(metrics, name);
        }
        return metrics.Text();
    }

    /// <summary>One of them alone.</summary>
    internal async Task RunAsync(ControllerDefinition definition, CancellationToken cancel)
    {
        var client = clients(definition.Identity);
        await using var events = new EventRecorder(client, definition.EventSource ?? definition.Identity, "", time, logs);
        using var context = new ControllerContext(definition.Identity, config, client, informers, time, events, _log, definition.BackOff);
        lock (_gate) _queues.Add((definition.QueueName, context.Queue));
        var reconciler = definition.Make(context);
        try
        {
            await context.Synced.WaitAsync(cancel);
            context.Subscribe();
            foreach (var key in definition.FirstKeys) context.Queue.Add(new NamespacedName("", key));
            await Task.WhenAll(Enumerable.Range(0, definition.IsSerial ? 1 : Workers).Select(_ => WorkAsync(context, reconciler, cancel)));
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // stopping
        }
        finally
        {
            if (reconciler is IAsyncDisposable owned) await owned.DisposeAsync();
        }
    }

    private async Task WorkAsync(ControllerContext context, IReconciler reconciler, CancellationToken cancel)
    {
        await Task.Yield();      // workers begin side by side
        while (!cancel.IsCancellationRequested)
        {
            NamespacedName key;
            try
            {
                key = await context.Queue.TakeAsync(cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            var pause = TimeSpan.Zero;
            try
            {
                var requeue = await reconciler.ReconcileAsync(key, cancel);
                context.Queue.Forget(key);
                if (requeue.Delay is { } delay) context.Queue.AddAfter(key, delay);
                pause = requeue.Pause;
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (StatusException e) when (e.IsConflict || e.IsNotFound)
            {
                // A lost race: the change that won will be seen in a moment.
                context.Queue.AddRateLimited(key);
            }
            catch (Exception e) when (e is StatusException or HttpRequestException or IOException or SocketException or TimeoutException or InvalidDataException)
            {
                var delay = context.Queue.AddRateLimited(key);
                // Once is noise (a namespace going away, a quota): what persists is told.
                if (context.Queue.Failures(key) == 5) ControllersLog.ReconcileFailed(_log, context.Identity, key, e.Message, delay);
            }
            catch (Exception e)
            {
                var delay = context.Queue.AddRateLimited(key);
                if (context.Queue.Failures(key) is 1 or 10) ControllersLog.ReconcileBroke(_log, context.Identity, key, delay, e);
            }
            finally
            {
                context.Queue.Done(key, pause);
            }
        }
    }
}

/// <summary>A controller: whose identity it has and how it is made.</summary>
/// <param name="QueueName">Upstream's name of its queue, in metrics.</param>
internal sealed record ControllerDefinition(string Identity, string QueueName, Func<ControllerContext, IReconciler> Make)
{
    /// <summary>Names that are reconciled once at the start, for controllers that look at everything at once.</summary>
    public IReadOnlyList<string> FirstKeys { get; init; } = [];

    /// <summary>One worker only, for controllers that keep state between objects.</summary>
    public bool IsSerial { get; init; }

    /// <summary>Where it is not the usual one.</summary>
    public FailureBackOff? BackOff { get; init; }

    /// <summary>Name in the source of events where it is not the identity.</summary>
    public string? EventSource { get; init; }
}
