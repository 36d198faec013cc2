using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;
using Bramble.Client;

namespace Bramble.ApiServer.Events;

/// <summary>Deletes Events an hour after they were last written, as upstream's storage does by itself (<c>--event-ttl</c>).</summary>
/// <remarks>Looks every five minutes: an Event lives that much longer at most. One task; each version of an Event is read once.</remarks>
public sealed class EventExpiry(IResourceReader reader, IKubeClient client, TimeSpan lifetime, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);
    private static readonly ResourceId Events = new("", "v1", "events", "Event", true);

    private Dictionary<NamespacedName, (long Revision, DateTimeOffset Due)> _due = [];

    public async Task RunAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do await SweepAsync(cancel);
        while (await timer.WaitForNextTickAsync(cancel));
    }

    /// <summary>Deletes what is due now.</summary>
    internal async Task SweepAsync(CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        var due = new Dictionary<NamespacedName, (long Revision, DateTimeOffset Due)>();
        foreach (var stored in reader.List(Events.GroupResource))
        {
            if (!_due.TryGetValue(stored.Name, out var known) || known.Revision != stored.ResourceVersion)
                known = (stored.ResourceVersion, LastWritten(stored.ToTree(), now) + lifetime);
            if (known.Due > now) due[stored.Name] = known;
            else await DeleteAsync(stored.Name, cancel);
        }
        _due = due;
    }

    private async Task DeleteAsync(NamespacedName name, CancellationToken cancel)
    {
        try
        {
            await client.DeleteAsync(Events, name, new DeleteQuery(), cancel);
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            return; // gone already
        }
    }

    /// <summary>The newest of the times the server wrote; a recorder's own times may be anything. Without one the Event is as new as can be.</summary>
    internal static DateTimeOffset LastWritten(JsonObject @event, DateTimeOffset now)
    {
        var metadata = @event.Object("metadata") ?? [];
        var newest = metadata.TimeAt("creationTimestamp");
        foreach (var (_, entry) in metadata.Items("managedFields"))
            if (entry.TimeAt("time") is { } written && (newest is null || written > newest)) newest = written;
        return newest ?? now;
    }
}
