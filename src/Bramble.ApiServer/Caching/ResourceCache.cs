using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Storage;

namespace Bramble.ApiServer.Caching;

/// <summary>All objects of one resource with its recent events. One task applies events; readers take the current <see cref="State"/> once and no lock.</summary>
/// <remarks>Memory of the past is bounded: at most 1000 events; beyond 100 also none older than five minutes and no more than 1 MB of objects.
/// What is older answers 410 Gone.</remarks>
internal sealed class ResourceCache(TimeProvider time)
{
    private const int EventsMax = 1000;
    private const int EventsMin = 100;
    private const long EventBytesMax = 1 << 20;
    private static readonly TimeSpan EventAgeMax = TimeSpan.FromMinutes(5);

    private State _state = State.Start(0, ObjectMap.Empty);
    private long _eventBytes;
    private readonly Lock _gate = new();                        // guards what follows; held for moments
    private readonly List<Watcher> _asleep = [];
    private TaskCompletionSource? _changed;

    /// <summary>Objects and chain of events, as they belong together.</summary>
    /// <param name="Oldest">First link kept: its revision is the oldest that can be read or watched from.</param>
    /// <param name="Newest">Last link; its revision is that of the resource's last change.</param>
    public sealed record State(ObjectEvent Oldest, ObjectEvent Newest)
    {
        public ObjectMap Items => Newest.ItemsAfter;
        public long Revision => Newest.Revision;

        public static State Start(long revision, ObjectMap items, long number = 0)
        {
            var first = new ObjectEvent(WatchEventType.Bookmark, null, null, revision, items, number, 0);
            return new State(first, first);
        }

        /// <summary>The last link at or before a revision: its items are the state then, its followers the events since. Null: too old.</summary>
        public ObjectEvent? At(long revision)
        {
            if (revision >= Newest.Revision) return Newest;
            if (revision < Oldest.Revision) return null;
            var link = Oldest;
            while (link != Newest && link.Next is { } next && next.Revision <= revision) link = next;
            return link;
        }
    }

    public State Current => Volatile.Read(ref _state);

    /// <summary>Completes at the next change. Take it before looking at <see cref="Current"/>, else a change in between is missed.</summary>
    public Task Changed
    {
        get
        {
            lock (_gate) return (_changed ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Rings the watcher at the next change. False: there has been one since its link, or its link is no longer remembered.</summary>
    public bool RingAtNext(ObjectEvent link, Watcher watcher)
    {
        lock (_gate)
        {
            if (link.Next is not null || IsTooSlow(link)) return false;
            if (!watcher.IsListed) _asleep.Add(watcher);
            watcher.IsListed = true;
            return true;
        }
    }

    /// <summary>The watch has ended.</summary>
    public void Forget(Watcher watcher)
    {
        lock (_gate)
            if (watcher.IsListed) _asleep.Remove(watcher);
    }

    /// <summary>True when a watcher standing at <paramref name="link"/> has fallen out of the cache's memory.</summary>
    public bool IsTooSlow(ObjectEvent link) => link.Number < Current.Oldest.Number;

    /// <summary>Begins anew with what the store holds. Numbers go on, so that watchers of the time before find themselves too slow.</summary>
    public void Load(long revision, IReadOnlyList<KubeObject> sorted)
    {
        _eventBytes = 0;
        Volatile.Write(ref _state, State.Start(revision, ObjectMap.Build(sorted), Current.Newest.Number + 1));
        Announce();
    }

    /// <summary>Applies one event of the store. Only the apply loop calls this; <see cref="Announce"/> after the batch wakes the watchers.</summary>
    public void Apply(NamespacedName name, in StoreEvent change)
    {
        var state = Current;
        var previous = state.Items.Find(name);
        KubeObject current;
        WatchEventType type;
        ObjectMap items;
        if (change.IsDelete)
        {
            if (previous is null) return; // deleted before it was loaded
            current = WireForm.WithRevision(previous, change.Revision);
            type = WatchEventType.Deleted;
            items = state.Items.Without(name);
        }
        else
        {
            current = WireForm.Make(name, change.Value, change.Revision, previous);
            type = previous is null ? WatchEventType.Added : WatchEventType.Modified;
            items = state.Items.With(current);
        }
        var link = new ObjectEvent(type, current, previous, change.Revision, items, state.Newest.Number + 1, time.GetTimestamp());
        _eventBytes += BytesOf(link);
        state.Newest.Next = link;
        Volatile.Write(ref _state, new State(Trim(state.Oldest, link), link));
    }

    public void Announce()
    {
        lock (_gate)
        {
            foreach (var watcher in _asleep)
            {
                watcher.IsListed = false;
                watcher.Ring();
            }
            _asleep.Clear();
            _changed?.SetResult();
            _changed = null;
        }
    }

    private static long BytesOf(ObjectEvent link) => (link.Object?.Json.Length ?? 0) + 500; // the copied leaf and the link itself

    private ObjectEvent Trim(ObjectEvent oldest, ObjectEvent newest)
    {
        while (oldest.Next is { } next)
        {
            var count = newest.Number - oldest.Number;
            if (count <= EventsMin) break;
            if (count <= EventsMax && _eventBytes <= EventBytesMax && time.GetElapsedTime(next.Timestamp, newest.Timestamp) <= EventAgeMax) break;
            _eventBytes -= BytesOf(next);
            oldest = next;
        }
        return oldest;
    }

    /// <summary>410: the revision is older than what is remembered.</summary>
    public StatusException TooOld(long revision) => StatusErrors.Expired($"too old resource version: {revision} ({Current.Oldest.Revision})");
}
