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
/// events are written by one task of its own; while 1000 wait, new ones are dropped. Thread-safe.</summary>
public sealed class EventRecorder : IAsyncDisposable
{
    private const int TriesMax = 12;
    private static readonly TimeSpan BetweenTries = TimeSpan.FromSeconds(10);

    private readonly IKubeClient _client;
    private readonly string _component;
    private readonly string _host;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly EventCorrelator _correlator;
    /// <summary>Null only wakes the reader.</summary>
    private readonly Channel<ObservedEvent?> _pending = Channel.CreateBounded<ObservedEvent?>(new BoundedChannelOptions(1000) { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly ITimer _seriesDue;
    private readonly Task _writing;
    private bool _isSeriesDueSet;
    private volatile bool _areSeriesDue;

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
        _seriesDue = time.CreateTimer(static recorder => ((EventRecorder)recorder!).EndSeries(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _writing = WriteAsync();
    }

    public void Normal(EventSubject about, string reason, string message) => Record(about, "Normal", reason, message);

    public void Warning(EventSubject about, string reason, string message) => Record(about, "Warning", reason, message);

    public void Record(EventSubject about, string type, string reason, string message) =>
        _pending.Writer.TryWrite(new ObservedEvent(about, type, reason, message, null, _time.GetUtcNow()));

    /// <summary>An event in the form of events.k8s.io: with an action and microseconds, and a series in place of a count.</summary>
    /// <param name="message">At most 1024 characters, as the API allows in this form only.</param>
    /// <param name="related">The other object that has to do with it, if any.</param>
    public void WithAction(EventSubject about, string type, string reason, string action, string message, EventSubject? related = null) =>
        _pending.Writer.TryWrite(new ObservedEvent(about, type, reason, message, action, _time.GetUtcNow(), related));

    /// <summary>Writes what waits, for at most two seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        _pending.Writer.TryComplete();
        await using (_time.CreateTimer(static stop => ((CancellationTokenSource)stop!).Cancel(), _stop, TimeSpan.FromSeconds(2), Timeout.InfiniteTimeSpan)) await _writing;
        await _seriesDue.DisposeAsync();
        _stop.Dispose();
    }

    /// <summary>Full: then the reader comes by anyway.</summary>
    private void EndSeries()
    {
        _areSeriesDue = true;
        _pending.Writer.TryWrite(null);
    }

    private async Task WriteAsync()
    {
        try
        {
            while (await _pending.Reader.WaitToReadAsync(_stop.Token))
            {
                while (_pending.Reader.TryRead(out var pending))
                {
                    if (pending is not null && _correlator.Correlate(pending, _component) is { } known) await WriteAsync(pending, known);
                    if (_areSeriesDue)
                    {
                        _areSeriesDue = _isSeriesDueSet = false;
                        foreach (var series in _correlator.EndSeries()) await WriteAsync(series.First, series);
                    }
                    if (!_isSeriesDueSet && _correlator.HasSeries) _isSeriesDueSet = _seriesDue.Change(EventCorrelator.SeriesEnds, Timeout.InfiniteTimeSpan);
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Stopping with more events waiting than two seconds could write: events are best effort.
        }
    }

    private async Task WriteAsync(ObservedEvent pending, CorrelatedEvent known)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await WriteOnceAsync(pending, known);
                return;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                throw;
            }
            catch (StatusException e) when (e.Status.Code is 403 or 404 && e.Message.Contains("terminat", StringComparison.Ordinal))
            {
                // A namespace that is being deleted takes no new events; nobody would read them.
                return;
            }
            catch (Exception e) when (e is StatusException || tries == TriesMax)
            {
                ClientLog.EventNotRecorded(_log, pending.Reason, pending.About.Name, e.Message);
                return;
            }
            catch (Exception)
            {
                // The server is away: what happened meanwhile is told when it is back.
                await Task.Delay(BetweenTries, _time, _stop.Token);
            }
        }
    }

    private async Task WriteOnceAsync(ObservedEvent pending, CorrelatedEvent known)
    {
        if (known.Count > 1 && known.Written is { } name)
        {
            try
            {
                await _client.PatchAsync(Resources.Events, name, new Patch(PatchType.Merge, Repeated(known)), null, _stop.Token);
                known.WrittenCount = known.Count;
                return;
            }
            catch (StatusException e) when (e.IsNotFound)
            {
                // It has expired: the same once more, counted on.
            }
        }
        var ns = pending.About.Name.Namespace.Length > 0 ? pending.About.Name.Namespace : "default";
        var created = known.Written ?? new NamespacedName(ns, $"{pending.About.Name.Name}.{EventCorrelator.UniqueSuffix(_time)}");
        await _client.CreateAsync(Resources.Events, created, Whole(pending, known, created), null, _stop.Token);
        known.Written = created;
        known.WrittenCount = known.Count;
    }

    private JsonObject Whole(ObservedEvent pending, CorrelatedEvent known, NamespacedName name)
    {
        var tree = new JsonObject
        {
            ["kind"] = "Event",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace },
            ["involvedObject"] = Reference(pending.About),
            ["reason"] = pending.Reason,
            ["message"] = known.Message,
            ["type"] = pending.Type,
            ["reportingComponent"] = _component,
            ["reportingInstance"] = _host,
        };
        if (pending.Action is not null)
        {
            tree["eventTime"] = Micro(known.First.At);
            tree["action"] = pending.Action;
            tree["reportingInstance"] = _host.Length > 0 ? _host : $"{_component}-{Environment.MachineName}";
            tree["source"] = new JsonObject();
            if (pending.Related is { } related) tree["related"] = Reference(related);
            if (known.Count > 1) tree["series"] = Series(known);
            return tree;
        }
        var source = new JsonObject { ["component"] = _component };
        if (_host.Length > 0) source["host"] = _host;
        tree["source"] = source;
        tree["firstTimestamp"] = Seconds(known.First.At);
        tree["lastTimestamp"] = Seconds(known.LastAt);
        tree["count"] = known.Count;
        tree["eventTime"] = null;
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

    private static JsonObject Repeated(CorrelatedEvent known) => known.First.Action is not null
        ? new JsonObject { ["series"] = Series(known) }
        : new JsonObject { ["count"] = known.Count, ["lastTimestamp"] = Seconds(known.LastAt), ["message"] = known.Message };

    private static JsonObject Series(CorrelatedEvent known) => new() { ["count"] = known.Count, ["lastObservedTime"] = Micro(known.LastAt) };

    private static string Seconds(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Micro(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
