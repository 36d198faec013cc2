using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;
using Bramble.Client;
using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Admission.Quota;

/// <summary>Keeps the status of ResourceQuotas current: what admission has added for writes that failed, or of objects that are gone, is given back.</summary>
/// <remarks>One task. Without quotas it sleeps until there is one; with quotas it looks at most five times a second, and only at those that count a resource that changed.</remarks>
public sealed class QuotaStatusWriter(WatchCache cache, IKubeClient client, TimeProvider time, ILogger log)
{
    private static readonly ResourceId Quotas = new("", "v1", "resourcequotas", "ResourceQuota", true);

    /// <summary>From a change to the count: admission adds a write's share just before the write is stored, and to count between the two would take the share away again.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>All are counted anew that often, as upstream.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromMinutes(5);

    private Dictionary<NamespacedName, string> _seen = [];

    public async Task RunAsync(CancellationToken cancel)
    {
        var quotas = cache.Of(Quotas.GroupResource);
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
            await Task.Delay(Pause, time, cancel);
        }
    }

    private async Task LookAsync(CancellationToken cancel)
    {
        var seen = new Dictionary<NamespacedName, string>();
        // A Pod that nobody ends any more uses nothing from a moment on at which nothing is written.
        var round = time.GetUtcNow().Ticks / Again.Ticks;
        foreach (var quota in cache.List(Quotas.GroupResource))
        {
            var tree = quota.ToTree();
            var counted = string.Join(';', QuotaStatus.DependsOn(tree.Object("spec")).Select(r => $"{r}@{cache.Revision(r)}").Prepend($"{quota.ResourceVersion} {round}"));
            if (_seen.GetValueOrDefault(quota.Name) == counted)
            {
                seen[quota.Name] = counted;
                continue;
            }
            if (QuotaStatus.Decide(tree, cache, time.GetUtcNow()) is { } status)
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
