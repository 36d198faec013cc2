using System.Collections.Concurrent;
using System.Globalization;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Images;

/// <summary>An image that is there, or why it is not. <c>RetryAt</c>: when another pull is allowed.</summary>
internal readonly record struct ImageResult(string? ImageRef, string Reason = "", string Message = "", DateTimeOffset? RetryAt = null);

/// <summary>Makes an image be there by its pull policy, with upstream's events, reasons and back-off. Pulls of one pod are one after the other.</summary>
internal sealed class ImagePuller(IRuntimeService runtime, TimeProvider time)
{
    private readonly Backoff _backoff = new(time);
    private readonly ConcurrentDictionary<string, (DateTimeOffset At, string Message)> _failed = new();

    /// <param name="tell">Records an event: type, reason, message.</param>
    public async Task<ImageResult> EnsureAsync(
        V1Pod pod, string requested, string? policy, IReadOnlyList<V1Secret> secrets, PodSandboxConfig sandbox, Action<string, string, string> tell, CancellationToken cancel)
    {
        if (ImageNames.WithDefaultTag(requested) is not { } image)
        {
            var bad = $"Failed to apply default image tag \"{requested}\": couldn't parse image name \"{requested}\": invalid reference format";
            tell("Warning", "InspectFailed", bad);
            return new(null, "InvalidImageName", bad);
        }
        policy ??= image.EndsWith(":latest", StringComparison.Ordinal) ? "Always" : "IfNotPresent";
        if (policy != "Always")
        {
            Image? found;
            try
            {
                found = await runtime.FindImageAsync(image, cancel);
            }
            catch (RuntimeException e)
            {
                var inspect = $"Failed to inspect image \"{image}\": {e.Message}";
                tell("Warning", "InspectFailed", inspect);
                return new(null, "ImageInspectError", inspect);
            }
            if (found is not null)
            {
                tell("Normal", "Pulled", $"Container image \"{requested}\" already present on machine and can be accessed by the pod");
                return new(found.Id);
            }
            if (policy == "Never")
            {
                var never = $"Container image \"{requested}\" is not present with pull policy of Never";
                tell("Warning", "ErrImageNeverPull", never);
                return new(null, "ErrImageNeverPull", never);
            }
        }
        return await PullAsync(pod, requested, image, secrets, sandbox, tell, cancel);
    }

    private async Task<ImageResult> PullAsync(
        V1Pod pod, string requested, string image, IReadOnlyList<V1Secret> secrets, PodSandboxConfig sandbox, Action<string, string, string> tell, CancellationToken cancel)
    {
        var key = $"{pod.Uid()}_{requested}";
        if (_failed.TryGetValue(key, out var failed) && _backoff.IsWaitingSince(key, failed.At))
        {
            var waiting = $"Back-off pulling image \"{requested}\"";
            tell("Normal", "BackOff", waiting);
            return new(null, "ImagePullBackOff", $"{waiting}: {failed.Message}", failed.At + _backoff.Get(key));
        }
        tell("Normal", "Pulling", $"Pulling image \"{requested}\"");
        var start = time.GetTimestamp();
        var spec = new ImageSpec { Image = image, UserSpecifiedImage = requested };
        RuntimeException? error = null;
        foreach (var credentials in PullCredentials.For(image, secrets).Cast<AuthConfig?>().DefaultIfEmpty(null))
        {
            try
            {
                var reference = await runtime.PullImageAsync(spec, credentials, sandbox, cancel);
                _failed.TryRemove(key, out _);
                var took = Seconds(time.GetElapsedTime(start));
                var size = (await runtime.FindImageAsync(image, cancel))?.Size ?? 0;
                tell("Normal", "Pulled", $"Successfully pulled image \"{requested}\" in {took} ({took} including waiting). Image size: {size} bytes.");
                return new(reference);
            }
            catch (RuntimeException e)
            {
                error = e;
            }
        }
        tell("Warning", "Failed", $"Failed to pull image \"{requested}\": {error!.Message}");
        var now = time.GetUtcNow();
        _backoff.Next(key, now);
        _failed[key] = (now, $"ErrImagePull: {error.Message}");
        return new(null, "ErrImagePull", error.Message, now + _backoff.Get(key));
    }

    public void Forget(string podUid)
    {
        _backoff.Forget(podUid + "_");
        foreach (var key in _failed.Keys)
            if (key.StartsWith(podUid + "_", StringComparison.Ordinal)) _failed.TryRemove(key, out _);
    }

    private static string Seconds(TimeSpan t) => t < TimeSpan.FromSeconds(1)
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)t.TotalMilliseconds}ms")
        : t < TimeSpan.FromMinutes(1)
            ? string.Create(CultureInfo.InvariantCulture, $"{t.TotalSeconds:0.###}s")
            : string.Create(CultureInfo.InvariantCulture, $"{(int)t.TotalMinutes}m{t.Seconds + (t.Milliseconds / 1000.0):0.###}s");
}
