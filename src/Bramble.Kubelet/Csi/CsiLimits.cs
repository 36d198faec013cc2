using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Kubelet.Api;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Csi;

/// <summary>How many volumes a driver can have on the node may change while it runs: as often as its CSIDriver wants it is asked anew. KEP-4876.</summary>
internal sealed class CsiLimits(IKubeClient client, CsiDrivers drivers, TimeProvider time, ILogger log)
{
    /// <summary>The API allows no shorter period than 10 seconds.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    private const int ResourceExhausted = 8;        // of gRPC

    private readonly Dictionary<string, long> _asked = new(StringComparer.Ordinal);

    /// <summary>Nodes without drivers watch nothing.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        await Task.WhenAny(drivers.First, Task.Delay(Timeout.InfiniteTimeSpan, cancel));
        if (cancel.IsCancellationRequested) return;
        var about = new Reflector(client, Resources.CSIDrivers, new ListQuery(), _ => { }, time, log);
        drivers.About = name => about.Find(new("", name));
        var watching = about.RunAsync(cancel);
        while (!cancel.IsCancellationRequested)
        {
            foreach (var name in drivers.Names) await LookAsync(name, PeriodOf(drivers.About(name)), cancel);
            await Task.Delay(Look, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
        }
        await watching;
    }

    /// <summary>Null: it need not be asked. Pure.</summary>
    public static TimeSpan? PeriodOf(KubeObject? driver) =>
        (long?)driver?.ToTree()["spec"]?["nodeAllocatableUpdatePeriodSeconds"] is > 0 and var seconds ? TimeSpan.FromSeconds(Math.Min(seconds, int.MaxValue)) : null;

    /// <summary>Its attacher found that the node can have no more. Pure.</summary>
    /// <param name="attachment">Status of a VolumeAttachment.</param>
    public static bool IsReached(JsonNode? attachment) => (int?)attachment?["attachError"]?["errorCode"] == ResourceExhausted;

    private async Task LookAsync(string name, TimeSpan? period, CancellationToken cancel)
    {
        if (period is null) _asked.Remove(name);
        // It told when it came.
        if (period is null || _asked.TryAdd(name, time.GetTimestamp()) || time.GetElapsedTime(_asked[name]) < period) return;
        _asked[name] = time.GetTimestamp();
        try
        {
            await drivers.RenewAsync(name, cancel);
        }
        catch (Exception e) when (e is CsiException or StatusException or HttpRequestException or IOException)
        {
            Log.PartFailed(log, $"limit of {name}", e.Message);
        }
        catch (OperationCanceledException)
        {
            // Stopping, or the driver has gone.
        }
    }
}
