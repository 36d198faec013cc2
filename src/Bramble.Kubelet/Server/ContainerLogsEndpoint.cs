using System.Threading.Channels;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Logs;
using Bramble.Kubelet.Pods;
using k8s.Models;
using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>/containerLogs/{namespace}/{pod}/{container}.</summary>
internal sealed class ContainerLogsEndpoint(PodWorkers workers, PodParts parts) : IKubeletEndpoint
{
    public async Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel)
    {
        if (rest is not [var ns, var name, var container]) throw new HttpAnswerException(404, "404 page not found");
        LogOptions options;
        try
        {
            options = LogOptions.Parse(key => http.Request.Query.TryGetValue(key, out var value) ? value.ToString() : null, parts.Time.GetUtcNow());
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new HttpAnswerException(400, """{"message": "Unable to decode query."}""");
        }
        var pod = workers.Pods.FirstOrDefault(p => p.Namespace() == ns && p.Name() == name) ?? throw new HttpAnswerException(404, $"pod \"{name}\" does not exist");
        if (pod.Spec.FindContainer(container) is null) throw new HttpAnswerException(404, $"container \"{container}\" not found in pod \"{name}\"");
        var id = ContainerId(parts.Statuses.Find(pod), name, container, options.Previous);
        var status = await parts.Runtime.FindContainerAsync(id, cancel);
        if (status is null || !File.Exists(status.LogPath)) throw new HttpAnswerException(400, $"unable to retrieve container logs for {parts.RuntimeName}://{id}");

        http.Response.ContentType = "text/plain";
        http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpBodyControlFeature>()!.AllowSynchronousIO = true;
        await http.Response.StartAsync(cancel);
        var changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        void Changed(string changedId)
        {
            if (changedId == id) changes.Writer.TryWrite(true);
        }
        workers.ContainerChanged += Changed;
        try
        {
            await using var buffered = new BufferedStream(http.Response.Body, 16 << 10);
            await new ContainerLogReader(status.LogPath, options, buffered).ReadAsync(
                async () => (await parts.Runtime.FindContainerAsync(id, cancel))?.State == ContainerState.ContainerRunning, changes.Reader, cancel);
        }
        finally
        {
            workers.ContainerChanged -= Changed;
        }
    }

    /// <summary>The instance whose log is meant, with upstream's refusals. Pure.</summary>
    public static string ContainerId(V1PodStatus? status, string pod, string container, bool isPrevious)
    {
        var all = (status?.ContainerStatuses ?? []).Concat(status?.InitContainerStatuses ?? []).Concat(status?.EphemeralContainerStatuses ?? []);
        var shown = all.FirstOrDefault(s => s.Name == container) ?? throw Refused($"container \"{container}\" in pod \"{pod}\" is not available");
        var last = shown.LastState?.Terminated;
        if (isPrevious)
        {
            return string.IsNullOrEmpty(last?.ContainerID)
                ? throw Refused($"previous terminated container \"{container}\" in pod \"{pod}\" not found")
                : Id(last.ContainerID);
        }
        if (shown.State?.Running is not null) return Id(shown.ContainerID);
        if ((shown.State?.Terminated ?? last) is { } ended)
        {
            var id = string.IsNullOrEmpty(ended.ContainerID) ? last?.ContainerID : ended.ContainerID;
            return string.IsNullOrEmpty(id) ? throw Refused($"container \"{container}\" in pod \"{pod}\" is terminated") : Id(id);
        }
        throw Refused($"container \"{container}\" in pod \"{pod}\" is waiting to start" + shown.State?.Waiting?.Reason switch
        {
            "ErrImagePull" => ": image can't be pulled",
            "ImagePullBackOff" => ": trying and failing to pull image",
            null when shown.State?.Waiting is null => " - no logs yet",
            var reason => $": {reason}",
        });

        static string Id(string id) => id[(id.IndexOf("://", StringComparison.Ordinal) + 3)..];
        static HttpAnswerException Refused(string message) => new(400, message);
    }
}
