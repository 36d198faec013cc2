using System.Collections.Concurrent;
using System.Globalization;

namespace Bramble.Kubelet;

/// <summary>Waiting times that double from 10 s to 5 min, one a key; one that was quiet for 10 min begins again. Thread-safe.</summary>
internal sealed class Backoff(TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<string, Entry> _entries = new();

    public TimeSpan Get(string key) => _entries.TryGetValue(key, out var entry) ? entry.Wait : TimeSpan.Zero;

    /// <summary>Whether less than the key's waiting time has gone since <paramref name="happened"/>.</summary>
    public bool IsWaitingSince(string key, DateTimeOffset happened) =>
        _entries.TryGetValue(key, out var entry) && happened - entry.UpdatedAt <= Longest * 2 && time.GetUtcNow() - happened < entry.Wait
        // A clock set back must not make it wait for ever.
        && happened <= time.GetUtcNow() + First;

    public void Next(string key, DateTimeOffset happened)
    {
        var now = time.GetUtcNow();
        _entries.AddOrUpdate(
            key,
            _ => new(First, now),
            (_, old) => new(happened - old.UpdatedAt > Longest * 2 ? First : old.Wait * 2 < Longest ? old.Wait * 2 : Longest, now));
    }

    public void Forget(string prefix)
    {
        foreach (var key in _entries.Keys)
            if (key.StartsWith(prefix, StringComparison.Ordinal)) _entries.TryRemove(key, out _);
    }

    /// <summary>A duration in Go's notation, whole seconds: 10s, 1m20s, 5m0s.</summary>
    public static string Text(TimeSpan wait) => wait.TotalMinutes >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)wait.TotalMinutes}m{wait.Seconds}s")
        : string.Create(CultureInfo.InvariantCulture, $"{wait.Seconds}s");

    private sealed record Entry(TimeSpan Wait, DateTimeOffset UpdatedAt);
}
