using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;
using Bramble.Client;
using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Admission.Quota;

/// <summary>Keeps the status of ResourceQuotas current. Refusing is admission's work, which counts for itself: the status is for people and tools.</summary>
/// <remarks>One task. Without quotas it sleeps until there is one; with quotas it looks at most a hundred times a second, and only at those that count a resource that changed.</remarks>
public sealed class QuotaStatusWriter(WatchCache cache, IKubeClient client, TimeProvider time, ILogger log)
{
    private static readonly ResourceId Quotas = new("", "v1", "resourcequotas", "ResourceQuota", true);

    /// <summary>Short, because upstream's admission writes what a create uses before it answers, and clients read it right after.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private Dictionary<NamespacedName, string> _seen = [];

    public async Task RunAsync(CancellationToken cancel)
    {
        var quotas = cache.Of(Quotas.GroupResource);
        var looked = time.GetTimestamp();
        while (true)
        {
            var changed = quotas.Changed;
            var revision = cache.AppliedRevision;
            if (quotas.Current.Items.Count == 0)
            {
                await changed.WaitAsync(cancel);
                continue;
            }
            await LookAsync(cancel);
            await cache.WaitForAsync(revision + 1, cancel);
            // The first change is counted at once, a burst behind it once.
            var now = time.GetTimestamp();
            if (time.GetElapsedTime(looked, now) < Pause) await Task.Delay(Pause, time, cancel);
            looked = time.GetTimestamp();
        }
    }

    private async Task LookAsync(CancellationToken cancel)
    {
        var seen = new Dictionary<NamespacedName, string>();
        foreach (var quota in cache.List(Quotas.GroupResource))
        {
            var tree = quota.ToTree();
            var counted = string.Join(';', QuotaStatus.ResourcesOf(tree.Object("spec")).Select(r => $"{r}@{cache.Revision(r)}").Prepend($"{quota.ResourceVersion}"));
            if (_seen.GetValueOrDefault(quota.Name) == counted)
            {
                seen[quota.Name] = counted;
                continue;
            }
            if (QuotaStatus.Decide(tree, cache) is { } status)
            {
                if (!await WriteAsync(quota.Name, tree, status, cancel)) continue; // looked at again when it changed
            }
            else seen[quota.Name] = counted;
        }
        _seen = seen;
    }

    private async Task<bool> WriteAsync(NamespacedName name, JsonObject quota, JsonObject status, CancellationToken cancel)
    {
        quota["status"] = status;
        try
        {
            await client.UpdateAsync(Quotas, name, quota, "status", cancel);
            return true;
        }
        catch (StatusException e) when (e.Status.Code is 404 or 409)
        {
            return false;
        }
        catch (StatusException e)
        {
            QuotaLog.StatusNotWritten(log, name, e.Message);
            return false;
        }
    }
}
