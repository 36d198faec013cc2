using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Client.Election;

/// <summary>Sees to it that one of several processes leads, by a Lease (client-go's rules: a lease unrenewed for 15 s by the observer's own monotonic clock
/// is free; the leader renews every 2 s and gives up after 10 s without success).</summary>
public sealed class LeaderElection(IKubeClient client, NamespacedName lease, string identity, TimeProvider time, ILoggerFactory logs)
{
    private static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan RenewDeadline = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromSeconds(2);

    private readonly ILogger _log = logs.CreateLogger("election");
    private long _seenVersion;
    private long _seenAt;

    /// <summary>Waits for the lead, runs <paramref name="lead"/> while it lasts, and again when it was lost, until cancelled.
    /// The token given to <paramref name="lead"/> ends when the lead is lost or the process stops.</summary>
    public async Task RunAsync(Func<CancellationToken, Task> lead, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            while (await TryAcquireAsync(cancel) is not null)
            {
                if (cancel.IsCancellationRequested) return;
                await Task.Delay(RetryPeriod, time, cancel);
            }
            ClientLog.Leading(_log, identity, lease);
            using var leading = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var work = lead(leading.Token);
            var lost = await RenewAsync(work, cancel);
            if (lost is not null) ClientLog.LeadLost(_log, identity, lease, lost);
            await leading.CancelAsync();
            await work;
            if (lost is null) await ReleaseAsync();
        }
    }

    /// <summary>Null when the work ended or the process stops; else why the lead was lost.</summary>
    private async Task<string?> RenewAsync(Task work, CancellationToken cancel)
    {
        var renewedAt = time.GetTimestamp();
        while (!work.IsCompleted && !cancel.IsCancellationRequested)
        {
            await Task.WhenAny(work, Task.Delay(RetryPeriod, time, cancel));
            if (work.IsCompleted || cancel.IsCancellationRequested) return null;
            var failure = await TryAcquireAsync(cancel);
            if (failure is null) renewedAt = time.GetTimestamp();
            else if (time.GetElapsedTime(renewedAt) > RenewDeadline) return failure;
        }
        return null;
    }

    /// <summary>Null: this identity holds the lease now; else why not.</summary>
    private async Task<string?> TryAcquireAsync(CancellationToken cancel)
    {
        try
        {
            var known = await client.FindAsync(Resources.Leases, lease, cancel);
            var now = time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
            if (known is null)
            {
                await client.CreateAsync(
                    Resources.Leases,
                    new JsonObject
                    {
                        ["apiVersion"] = "coordination.k8s.io/v1",
                        ["kind"] = "Lease",
                        ["metadata"] = new JsonObject { ["name"] = lease.Name, ["namespace"] = lease.Namespace },
                        ["spec"] = Spec(now, now, 0),
                    },
                    cancel);
                return null;
            }
            if (known.ResourceVersion != _seenVersion)
            {
                _seenVersion = known.ResourceVersion;
                _seenAt = time.GetTimestamp();
            }
            var spec = known.Model<V1Lease>().Spec;
            var isOurs = spec?.HolderIdentity == identity;
            if (!isOurs && !string.IsNullOrEmpty(spec?.HolderIdentity) && time.GetElapsedTime(_seenAt) < LeaseDuration) return $"held by {spec.HolderIdentity}";
            var tree = known.ToTree();
            var acquired = isOurs ? (string?)tree["spec"]?["acquireTime"] ?? now : now;
            tree["spec"] = Spec(acquired, now, (spec?.LeaseTransitions ?? 0) + (isOurs ? 0 : 1));
            var updated = await client.UpdateAsync(Resources.Leases, tree, null, cancel);
            _seenVersion = updated.ResourceVersion;
            _seenAt = time.GetTimestamp();
            return null;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return "stopping";
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException)
        {
            return e.Message;
        }
    }

    /// <summary>Lets another process lead at once.</summary>
    private async Task ReleaseAsync()
    {
        using var bounded = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            var known = await client.FindAsync(Resources.Leases, lease, bounded.Token);
            if (known?.Model<V1Lease>().Spec?.HolderIdentity != identity) return;
            var tree = known.ToTree();
            tree["spec"]!["holderIdentity"] = "";
            tree["spec"]!["leaseDurationSeconds"] = 1;
            await client.UpdateAsync(Resources.Leases, tree, null, bounded.Token);
        }
        catch (Exception e) when (e is StatusException or HttpRequestException or IOException or OperationCanceledException)
        {
            ClientLog.LeadLost(_log, identity, lease, $"not released: {e.Message}; others wait {LeaseDuration.TotalSeconds} s");
        }
    }

    private JsonObject Spec(string acquired, string renewed, int transitions) => new()
    {
        ["holderIdentity"] = identity,
        ["leaseDurationSeconds"] = (int)LeaseDuration.TotalSeconds,
        ["acquireTime"] = acquired,
        ["renewTime"] = renewed,
        ["leaseTransitions"] = transitions,
    };
}
