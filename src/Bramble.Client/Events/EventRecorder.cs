using System.Globalization;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Client.Events;

/// <summary>Which object an event is about.</summary>
public sealed record EventSubject(string ApiVersion, string Kind, NamespacedName Name, string Uid, string ResourceVersion, string FieldPath = "")
{
    public static EventSubject Of<T>(Resource<T> resource, T model, string fieldPath = "") where T : class, IKubernetesObject<V1ObjectMeta> =>
        new(resource.ApiVersion, resource.Kind, model.NamespacedName(), model.Metadata.Uid ?? "", model.Metadata.ResourceVersion ?? "", fieldPath);
}

/// <summary>Records what a component did or could not do, as <c>kubectl describe</c> shows it. Repeated events become one with a count, many alike become
/// "combined from similar events", and one object cannot flood the store (client-go's correlation: same numbers). Never blocks and never fails its caller:
/// events are written by one task of its own; when 1000 wait, the oldest go. Thread-safe.</summary>
public sealed class EventRecorder : IAsyncDisposable
{
    private readonly IKubeClient _client;
    private readonly string _component;
    private readonly string _host;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly EventCorrelator _correlator;
    private readonly Channel<Pending> _pending = Channel.CreateBounded<Pending>(new BoundedChannelOptions(1000) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _writing;

    /// <param name="component">Name in the event's source: <c>deployment-controller</c>, <c>kubelet</c>.</param>
    /// <param name="host">Node name, or empty.</param>
    public EventRecorder(IKubeClient client, string component, string host, TimeProvider time, ILoggerFactory logs)
    {
        _client = client;
        _component = component;
        _host = host;
        _time = time;
        _log = logs.CreateLogger("events");
        _correlator = new EventCorrelator(time);
        _writing = WriteAsync();
    }

    public void Normal(EventSubject about, string reason, string message) => Enqueue(about, "Normal", reason, message, null);

    public void Warning(EventSubject about, string reason, string message) => Enqueue(about, "Warning", reason, message, null);

    /// <summary>An event in the form of events.k8s.io: with an action and microseconds, and a series in place of a count.</summary>
    /// <param name="related">The other object that has to do with it, if any.</param>
    public void WithAction(EventSubject about, string type, string reason, string action, string message, EventSubject? related = null) => Enqueue(about, type, reason, message, action, related);

    /// <summary>Writes what waits, for at most two seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        _pending.Writer.TryComplete();
        await using (_time.CreateTimer(static stop => ((CancellationTokenSource)stop!).Cancel(), _stop, TimeSpan.FromSeconds(2), Timeout.InfiniteTimeSpan)) await _writing;
        _stop.Dispose();
    }

    private void Enqueue(EventSubject about, string type, string reason, string message, string? action, EventSubject? related = null) =>
        _pending.Writer.TryWrite(new Pending(about, type, reason, message.Length > 1024 ? message[..1021] + "..." : message, action, _time.GetUtcNow(), related));

    private async Task WriteAsync()
    {
        try
        {
            while (await _pending.Reader.WaitToReadAsync(_stop.Token))
                while (_pending.Reader.TryRead(out var pending)) await WriteAsync(pending);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Stopping with more events waiting than two seconds could write: events are best effort.
        }
    }

    private async Task WriteAsync(Pending pending)
    {
        var correlated = _correlator.Correlate(pending.About, pending.Type, pending.Reason, pending.Message, pending.Action, _component, pending.Related);
        if (correlated is not { } known) return;
        var ns = pending.About.Name.Namespace.Length > 0 ? pending.About.Name.Namespace : "default";
        try
        {
            if (known.Count > 1 && known.Written is { } name)
            {
                if (pending.Action is not null && !known.ShouldWriteSeries(_time.GetUtcNow())) return;
                try
                {
                    await _client.PatchAsync(Resources.Events, name, new Patch(PatchType.Merge, Repeated(pending, known)), null, _stop.Token);
                    return;
                }
                catch (StatusException e) when (e.IsNotFound)
                {
                    known.Count = 1;    // it has expired: begin again
                }
            }
            var created = new NamespacedName(ns, $"{pending.About.Name.Name}.{EventCorrelator.UniqueSuffix(_time)}");
            await _client.CreateAsync(Resources.Events, created, First(pending, known, created), null, _stop.Token);
            known.Written = created;
        }
        catch (OperationCanceledException)
        {
            throw;
        }
        catch (StatusException e) when (e.Status.Code is 403 or 404 && e.Message.Contains("terminat", StringComparison.Ordinal))
        {
            // A namespace that is being deleted takes no new events; nobody would read them.
        }
        catch (Exception e)
        {
            ClientLog.EventNotRecorded(_log, pending.Reason, pending.About.Name, e.Message);
        }
    }

    private JsonObject First(Pending pending, CorrelatedEvent known, NamespacedName name)
    {
        var about = pending.About;
        var tree = new JsonObject
        {
            ["kind"] = "Event",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace },
            ["involvedObject"] = Reference(about),
            ["reason"] = pending.Reason,
            ["message"] = known.Message,
            ["type"] = pending.Type,
            ["reportingComponent"] = _component,
            ["reportingInstance"] = _host,
        };
        if (pending.Action is not null)
        {
            tree["eventTime"] = Micro(pending.At);
            tree["action"] = pending.Action;
            tree["reportingInstance"] = _host.Length > 0 ? _host : _component;
            tree["source"] = new JsonObject();
            if (pending.Related is { } related) tree["related"] = Reference(related);
            return tree;
        }
        var source = new JsonObject { ["component"] = _component };
        if (_host.Length > 0) source["host"] = _host;
        tree["source"] = source;
        tree["firstTimestamp"] = Seconds(pending.At);
        tree["lastTimestamp"] = Seconds(pending.At);
        tree["count"] = 1;
        tree["eventTime"] = null;
        known.FirstAt = pending.At;
        return tree;
    }

    private static JsonObject Reference(EventSubject about)
    {
        var reference = new JsonObject { ["kind"] = about.Kind };
        if (about.Name.Namespace.Length > 0) reference["namespace"] = about.Name.Namespace;
        reference["name"] = about.Name.Name;
        if (about.Uid.Length > 0) reference["uid"] = about.Uid;
        reference["apiVersion"] = about.ApiVersion;
        if (about.ResourceVersion.Length > 0) reference["resourceVersion"] = about.ResourceVersion;
        if (about.FieldPath.Length > 0) reference["fieldPath"] = about.FieldPath;
        return reference;
    }

    private static JsonObject Repeated(Pending pending, CorrelatedEvent known) => pending.Action is not null
        ? new JsonObject { ["series"] = new JsonObject { ["count"] = known.Count, ["lastObservedTime"] = Micro(pending.At) } }
        : new JsonObject { ["count"] = known.Count, ["lastTimestamp"] = Seconds(pending.At), ["message"] = known.Message };

    private static string Seconds(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Micro(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private sealed record Pending(EventSubject About, string Type, string Reason, string Message, string? Action, DateTimeOffset At, EventSubject? Related);
}
