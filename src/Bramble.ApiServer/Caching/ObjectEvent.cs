using Bramble.Client;

namespace Bramble.ApiServer.Caching;

/// <summary>One change of one object, a link in the resource's chain of recent events; the link before it holds the state before it. Every watcher walks the same
/// chain, so an event exists once however many watch, and what is derived from it (labels for selectors, other encodings) is made once.</summary>
/// <remarks>Only the apply loop sets <see cref="Next"/>. Whoever keeps a link keeps all that follow: a watch must hold none but the one where it stands, and the cache
/// closes those that fall behind its memory.</remarks>
internal sealed class ObjectEvent(WatchEventType type, KubeObject? current, KubeObject? previous, long revision, ObjectMap itemsAfter, long number, long timestamp)
{
    private ObjectEvent? _next;
    private KubeObject? _previousNow;

    /// <summary>Type for who watches without selectors.</summary>
    public WatchEventType Type { get; } = type;

    /// <summary>The object after the change; of a deletion its last state with the deletion's revision. Null only in the first link of a chain.</summary>
    public KubeObject? Object { get; } = current;

    /// <summary>The version before; null: created.</summary>
    public KubeObject? Previous { get; } = previous;

    public long Revision { get; } = revision;

    /// <summary>All objects as they stood after this change.</summary>
    public ObjectMap ItemsAfter { get; } = itemsAfter;

    /// <summary>Position in the chain, counting from 0.</summary>
    public long Number { get; } = number;

    /// <summary>When it was applied (TimeProvider.GetTimestamp).</summary>
    public long Timestamp { get; } = timestamp;

    public ObjectEvent? Next
    {
        get => Volatile.Read(ref _next);
        set => Volatile.Write(ref _next, value);
    }

    /// <summary>The previous version with this event's revision: what a watcher gets whose selector the object has just left.</summary>
    public KubeObject PreviousAtThisRevision => _previousNow ??= WireForm.WithRevision(Previous!, Revision);

    /// <summary>Derived encodings, made once by the first watcher that needs one.</summary>
    public EventForms Forms { get; } = new();
}

/// <summary>Other encodings of an event's objects, by format name, shared by all watchers of that format.</summary>
internal sealed class EventForms
{
    private readonly Lock _lock = new();
    private Dictionary<(string Format, bool IsPrevious), byte[]>? _made;

    public byte[] GetOrMake(string format, bool isPrevious, Func<byte[]> make)
    {
        lock (_lock)
        {
            _made ??= [];
            if (_made.TryGetValue((format, isPrevious), out var known)) return known;
            return _made[(format, isPrevious)] = make();
        }
    }
}
