using System.Globalization;
using Bramble.Client.Events;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Node;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Images;

/// <summary>Removes images nobody uses when the disk fills: above the high threshold until below the low one, the longest unused first. Images younger
/// than two minutes (minimum-image-ttl-duration) and pinned ones stay.</summary>
internal sealed class ImageGarbage(IRuntimeService runtime, KubeletConfig config, EventRecorder events, TimeProvider time, ILogger log)
{
    private readonly TimeSpan _ageMin = config.Arguments.GetValueOrDefault("minimum-image-ttl-duration") is { } age ? Eviction.EvictionConfig.Duration(age) : TimeSpan.FromMinutes(2);
    private readonly Dictionary<string, (long FirstSeen, long LastUsed)> _seen = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _gate = new(1);

    /// <summary>Once in five minutes, upstream's period.</summary>
    public async Task CollectAsync(CancellationToken cancel)
    {
        var disk = new DriveInfo(config.RootDirectory);
        var high = Percent("image-gc-high-threshold", 85);
        var low = Percent("image-gc-low-threshold", 80);
        var used = 100 - (100m * disk.AvailableFreeSpace / disk.TotalSize);
        var bytes = used > high ? (long)((used - low) / 100 * disk.TotalSize) : 0;
        var freed = await CollectAsync(bytes, cancel);
        if (freed < bytes) events.Warning(NodeEvents.About(config.NodeName), "FreeDiskSpaceFailed", NotEnough(used, disk.TotalSize, freed));
    }

    /// <summary>Upstream's words.</summary>
    internal static string NotEnough(decimal usedPercent, long totalBytes, long freedBytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB"];
        var size = (double)totalBytes;
        var unit = 0;
        for (; size >= 1024 && unit < units.Length - 1; unit++) size /= 1024;
        var shown = unit == 0 ? $"{totalBytes} B" : string.Create(CultureInfo.InvariantCulture, $"{size:0.0} {units[unit]}");
        return $"Insufficient free disk space on the node's image filesystem ({(int)usedPercent}% of {shown} used). Failed to free sufficient space by deleting unused images (freed {freedBytes} bytes). "
            + "Investigate disk usage, as it could be used by active images, logs, volumes, or other data.";
    }

    /// <returns>Bytes freed.</returns>
    public Task<long> CollectAllAsync(CancellationToken cancel) => CollectAsync(long.MaxValue, cancel);

    private async Task<long> CollectAsync(long wantedBytes, CancellationToken cancel)
    {
        await _gate.WaitAsync(cancel);
        try
        {
            var now = time.GetTimestamp();
            var images = await runtime.ListImagesAsync(cancel);
            var used = (await runtime.ListContainersAsync(null, cancel)).SelectMany(c => (string[])[c.ImageRef, c.ImageId, c.Image?.Image ?? ""]).ToHashSet(StringComparer.Ordinal);
            foreach (var gone in _seen.Keys.Except(images.Select(i => i.Id)).ToList()) _seen.Remove(gone);
            foreach (var image in images)
            {
                var isUsed = used.Contains(image.Id) || image.RepoDigests.Any(used.Contains) || image.RepoTags.Any(used.Contains);
                var first = _seen.TryGetValue(image.Id, out var known) ? known.FirstSeen : now;
                _seen[image.Id] = (first, isUsed ? now : known.LastUsed);
            }
            long freed = 0;
            foreach (var image in images.Where(i => !i.Pinned && _seen[i.Id].LastUsed != now && time.GetElapsedTime(_seen[i.Id].FirstSeen) >= _ageMin)
                .OrderBy(i => _seen[i.Id].LastUsed).ThenBy(i => _seen[i.Id].FirstSeen))
            {
                if (freed >= wantedBytes) break;
                try
                {
                    await runtime.RemoveImageAsync(image.Id, cancel);
                    freed += (long)image.Size;
                }
                catch (RuntimeException e)
                {
                    Log.ImageGc(log, $"{image.RepoTags.FirstOrDefault() ?? image.Id} could not be removed: {e.Message}");
                }
            }
            return freed;
        }
        finally
        {
            _gate.Release();
        }
    }

    private decimal Percent(string flag, decimal otherwise) =>
        config.Arguments.TryGetValue(flag, out var text) && decimal.TryParse(text, out var value) ? value : otherwise;
}
