using Bramble.Kubelet.Cri;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Images;

/// <summary>Removes images nobody uses when the disk fills: above the high threshold until below the low one, the longest unused first. Images younger
/// than two minutes (minimum-image-ttl-duration) and pinned ones stay.</summary>
internal sealed class ImageGarbage(IRuntimeService runtime, KubeletConfig config, TimeProvider time, ILogger log)
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
        await CollectAsync(bytes, cancel);
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
