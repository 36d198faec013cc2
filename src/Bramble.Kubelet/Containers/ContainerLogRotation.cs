using System.Globalization;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Containers;

/// <summary>Keeps container logs small: above the limit the file is renamed and the runtime opens a new one; five files a container are kept.</summary>
internal sealed class ContainerLogRotation(IRuntimeService runtime, SandboxConfigs sandboxes, KubeletConfig config, TimeProvider time, ILogger log)
{
    /// <summary>Upstream's period.</summary>
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(10);

    public async Task RunAsync(Func<IEnumerable<V1Pod>> pods, CancellationToken cancel)
    {
        var maxBytes = (long)(config.Arguments.TryGetValue("container-log-max-size", out var size) ? ((ResourceQuantity)size).ToDecimal() : 10 << 20);
        var maxFiles = config.Arguments.TryGetValue("container-log-max-files", out var files) && int.TryParse(files, out var n) ? n : 5;
        while (!cancel.IsCancellationRequested)
        {
            await Task.Delay(Every, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
            foreach (var folder in pods().SelectMany(ContainerFolders))
            {
                try
                {
                    await RotateAsync(folder, maxBytes, maxFiles, cancel);
                }
                catch (Exception e) when (e is IOException or RuntimeException or UnauthorizedAccessException)
                {
                    Log.CleanupFailed(log, folder, e.Message);
                }
            }
        }
    }

    private IEnumerable<string> ContainerFolders(V1Pod pod)
    {
        var folder = sandboxes.LogFolder(pod);
        return Directory.Exists(folder) ? Directory.EnumerateDirectories(folder) : [];
    }

    private async Task RotateAsync(string folder, long maxBytes, int maxFiles, CancellationToken cancel)
    {
        // Only the newest instance's file grows.
        var current = Directory.EnumerateFiles(folder, "*.log").OrderByDescending(f => int.TryParse(Path.GetFileNameWithoutExtension(f), out var i) ? i : -1).FirstOrDefault();
        if (current is null || new FileInfo(current).Length <= maxBytes) return;
        var filter = new ContainerFilter { State = new ContainerStateValue { State = ContainerState.ContainerRunning } };
        filter.LabelSelector[RuntimeLabels.ContainerName] = Path.GetFileName(folder);
        foreach (var container in await runtime.ListContainersAsync(filter, cancel))
        {
            if ((await runtime.FindContainerAsync(container.Id, cancel))?.LogPath != current) continue;
            var rotated = $"{current}.{time.GetUtcNow().ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}";
            File.Move(current, rotated);
            try
            {
                await runtime.ReopenContainerLogAsync(container.Id, cancel);
            }
            catch (RuntimeException)
            {
                // The runtime goes on writing to the old file: it gets its name back.
                File.Move(rotated, current);
                throw;
            }
            // Not by a pattern: ".*" also matches nothing at all, and with it the new log.
            var rotations = Directory.EnumerateFiles(folder).Where(file => file.StartsWith(current + ".", StringComparison.Ordinal));
            foreach (var old in rotations.OrderDescending(StringComparer.Ordinal).Skip(maxFiles - 1)) File.Delete(old);
            return;
        }
    }
}
