using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.Scheduler;

/// <summary>Writes into a Pod's status. When the API cannot do it just now it is asked again: four times in all, as upstream does.</summary>
internal static class PodStatusPatch
{
    private static readonly int[] MillisecondsBetween = [10, 50, 250];

    public static async Task WriteAsync(IKubeClient client, NamespacedName pod, JsonObject metadata, JsonObject status, TimeProvider time, CancellationToken cancel)
    {
        var body = new JsonObject { ["metadata"] = metadata, ["status"] = status };
        for (var failures = 0; ; failures++)
        {
            try
            {
                await client.StrategicPatchAsync(Resources.Pods, pod, body, "status", cancel);
                return;
            }
            catch (Exception e) when (failures < MillisecondsBetween.Length && MayPass(e))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(MillisecondsBetween[failures]), time, cancel);
            }
        }
    }

    private static bool MayPass(Exception e) => e is StatusException { Status.Code: 500 or 503 } or HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError };
}
