using System.Runtime.CompilerServices;
using Bramble.Api.Errors;
using Bramble.ApiServer.Caching;
using Bramble.Client;

namespace Bramble.ApiServer.Verbs;

/// <summary>One step of a watch. <c>Forms</c>: the shared encodings of the event it comes from; null for initial objects and bookmarks. (Not the event itself: the last step
/// of a watch is kept until its next one, and an event keeps all that follow it.)</summary>
/// <param name="Object">Null for a bookmark and an error.</param>
/// <param name="IsPrevious">The object is the version before, because it no longer fits the selector.</param>
internal readonly record struct WatchStep(WatchEventType Type, KubeObject? Object, EventForms? Forms, bool IsPrevious, long Revision, bool EndsInitialEvents, Status? Error);

/// <summary>A watch: initial objects, then the chain of events from a link on, through selectors. It has no queue of its own: it walks the cache's chain,
/// and is closed when it falls out of the cache's memory.</summary>
internal sealed class WatchStream(
    ServedResource resource,
    string ns,
    ListOptions options,
    ObjectEvent? start,
    ObjectMap? initial,
    long initialRevision,
    long afterRevision,
    TimeSpan timeout,
    TimeProvider time)
{
    private static readonly TimeSpan BookmarkInterval = TimeSpan.FromMinutes(1);

    // Given up when the watch begins: kept, they would keep every event until it ends.
    private ObjectEvent? _start = start;
    private ObjectMap? _initial = initial;

    /// <summary>Steps until the time is over or <paramref name="cancel"/>; an error is the last step. To be read once.</summary>
    public async IAsyncEnumerable<WatchStep> StepsAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        if (_start is not { } link)
        {
            yield return Failed(resource.Cache.TooOld(initialRevision).Status);
            yield break;
        }
        _start = null;
        if (_initial is not null)
        {
            foreach (var obj in TakeInitial().Range(ns))
                if (options.Selects(resource, obj)) yield return new WatchStep(WatchEventType.Added, obj, null, false, obj.ResourceVersion, false, null);
            if (options.AllowsBookmarks) yield return Bookmark(initialRevision, endsInitial: true);
        }
        var watcher = new Watcher();
        using var ended = new Ended(resource.Cache, watcher);
        using var timer = time.CreateTimer(static watcher => ((Watcher)watcher!).TimeIsUp(), watcher, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        using var registration = cancel.UnsafeRegister(static watcher => ((Watcher)watcher!).Ring(), watcher);
        var began = time.GetTimestamp();
        var bookmarked = began;
        var seen = Math.Max(initialRevision, afterRevision);
        while (true)
        {
            while (link.Next is { } next)
            {
                if (resource.Cache.IsTooSlow(link)) yield break;
                link = next;
                // The client named a revision of the future: what happens up to it, it knows.
                if (next.Revision <= afterRevision) continue;
                seen = next.Revision;
                if (Select(next) is { } step) yield return step;
                if (cancel.IsCancellationRequested) yield break;
            }
            if (cancel.IsCancellationRequested || resource.Cache.IsTooSlow(link)) yield break;
            var left = timeout - time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero) yield break;
            var wait = left;
            if (options.AllowsBookmarks)
            {
                var due = BookmarkInterval - time.GetElapsedTime(bookmarked);
                if (due <= TimeSpan.Zero)
                {
                    bookmarked = time.GetTimestamp();
                    watcher.IsTimed = false;
                    yield return Bookmark(Math.Max(seen, resource.Cache.Current.Revision), endsInitial: false);
                    continue;
                }
                if (due < wait) wait = due;
            }
            if (!watcher.IsTimed)
            {
                watcher.IsTimed = true;
                timer.Change(wait, Timeout.InfiniteTimeSpan);
            }
            if (resource.Cache.RingAtNext(link, watcher)) await watcher.SleepAsync();
        }
    }

    private ObjectMap TakeInitial()
    {
        var taken = _initial!;
        _initial = null;
        return taken;
    }

    private static WatchStep Failed(Status status) => new(WatchEventType.Bookmark, null, null, false, 0, false, status);

    private static WatchStep Bookmark(long revision, bool endsInitial) => new(WatchEventType.Bookmark, null, null, false, revision, endsInitial, null);

    private sealed class Ended(ResourceCache cache, Watcher watcher) : IDisposable
    {
        public void Dispose() => cache.Forget(watcher);
    }

    /// <summary>What an event means to this watcher: objects come and go as they begin and cease to fit the selector.</summary>
    private WatchStep? Select(ObjectEvent change)
    {
        var current = change.Object!;
        if (ns.Length > 0 && current.Name.Namespace != ns) return null;
        if (!options.HasSelector) return new WatchStep(change.Type, current, change.Forms, false, change.Revision, false, null);
        var fits = change.Type != WatchEventType.Deleted && options.Selects(resource, current);
        var fitted = change.Previous is { } previous && options.Selects(resource, previous);
        if (fits) return new WatchStep(fitted ? WatchEventType.Modified : WatchEventType.Added, current, change.Forms, false, change.Revision, false, null);
        if (!fitted) return null;
        return change.Type == WatchEventType.Deleted
            ? new WatchStep(WatchEventType.Deleted, current, change.Forms, false, change.Revision, false, null)
            : new WatchStep(WatchEventType.Deleted, change.PreviousAtThisRevision, change.Forms, true, change.Revision, false, null);
    }
}
