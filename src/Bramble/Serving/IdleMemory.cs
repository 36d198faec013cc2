using System.Runtime.InteropServices;

namespace Bramble.Serving;

/// <summary>
/// Gives memory back to the machine when the server rests. The collector runs when much is allocated; a start-up or a burst of work leaves its garbage
/// resident because an idle server allocates too little to cause the next collection, and on a board that memory belongs to the pods.
/// </summary>
internal sealed partial class IdleMemory(TimeProvider time)
{
    /// <summary>How often to look. A look costs nothing.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    /// <summary>Bytes allocated in one interval below which the server counts as resting; of a large heap a sixteenth, because 200 nodes that only renew their leases
    /// allocate more than this.</summary>
    private const long RestingBytes = 4 << 20;

    /// <summary>Bytes allocated since the last collection of ours that make another one worth its pause (tens of milliseconds on a board); of a large heap, whose pause
    /// is longer, half.</summary>
    private const long WorthwhileBytes = 4 << 20;

    private long _atLastLook;
    private long _atLastCollection;

    /// <summary>Lets the native libraries' threads share two of malloc's arenas instead of having eight a core (mallopt(3)); before the first of them allocates.</summary>
    public static void ShareArenas()
    {
        const int arenaMax = -8;                                             // M_ARENA_MAX
        _ = SetMalloc(arenaMax, 2);
    }

    /// <summary>Looks until told to stop.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stop))
        {
            var allocated = GC.GetTotalAllocatedBytes();
            if (IsWorthwhile(allocated, GC.GetGCMemoryInfo(GCKind.Any).TotalCommittedBytes))
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                ProgramPages.Release();
                _ = ReturnFreed(0);
            }
        }
    }

    /// <summary>Whether to collect now, given all bytes ever allocated and those that the heap holds.</summary>
    internal bool IsWorthwhile(long allocated, long committed)
    {
        var resting = allocated - _atLastLook < Math.Max(RestingBytes, committed / 16);
        _atLastLook = allocated;
        if (!resting || allocated - _atLastCollection < Math.Max(WorthwhileBytes, committed / 2)) return false;
        _atLastCollection = allocated;
        return true;
    }

    // What the native libraries (OpenSSL, libnftables, SQLite) have freed stays in malloc's arenas otherwise (malloc_trim(3)).
    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int ReturnFreed(nuint keptBytes);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetMalloc(int parameter, int value);
}
