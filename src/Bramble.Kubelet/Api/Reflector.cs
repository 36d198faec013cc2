using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Api;

/// <summary>A local copy of what one list-and-watch sees, and a call for each change. When the API is away the copy stays as it is and the watch is tried
/// again, so pods go on. One task applies events; readers take no lock beyond the dictionary's.</summary>
internal sealed class Reflector(IKubeClient client, ResourceId resource, ListQuery query, Action<NamespacedName> changed, TimeProvider time, ILogger log)
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<NamespacedName, KubeObject> _objects = new();
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Done when the first list is in.</summary>
    public Task Synced => _synced.Task;

    public KubeObject? Find(NamespacedName name) => _objects.GetValueOrDefault(name);
    public IEnumerable<KubeObject> All => _objects.Values;

    public async Task RunAsync(CancellationToken cancel)
    {
        var wait = TimeSpan.FromSeconds(1);
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                var version = await ListAsync(cancel);
                wait = TimeSpan.FromSeconds(1);
                await WatchAsync(version, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (StatusException e) when (e.Status.Code == 410)
            {
                // Too old: list again at once.
            }
            catch (Exception e)
            {
                if (wait > TimeSpan.FromSeconds(8)) Log.WatchFailed(log, resource.Plural, e.Message);
                await Task.Delay(wait, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
                wait = TimeSpan.FromSeconds(Math.Min(30, wait.TotalSeconds * 2));
            }
        }
    }

    private async Task<string> ListAsync(CancellationToken cancel)
    {
        var list = await client.ListAsync(resource, query, cancel);
        var seen = list.Items.Select(o => o.Name).ToHashSet();
        foreach (var item in list.Items) Apply(item);
        foreach (var gone in _objects.Keys.Where(k => !seen.Contains(k)).ToList())
            if (_objects.TryRemove(gone, out _)) changed(gone);
        _synced.TrySetResult();
        return list.ResourceVersion;
    }

    private async Task WatchAsync(string version, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            var isAnySeen = false;
            await foreach (var e in client.WatchAsync(resource, query with { ResourceVersion = version }, cancel))
            {
                isAnySeen = true;
                version = e.Object.ResourceVersion.ToString(System.Globalization.CultureInfo.InvariantCulture);
                switch (e.Type)
                {
                    case WatchEventType.Added or WatchEventType.Modified:
                        Apply(e.Object);
                        break;
                    case WatchEventType.Deleted:
                        if (_objects.TryRemove(e.Object.Name, out _)) changed(e.Object.Name);
                        break;
                }
            }
            // A server that closes at once must not make us spin.
            if (!isAnySeen) await Task.Delay(TimeSpan.FromSeconds(1), time, cancel);
        }
    }

    private void Apply(KubeObject item)
    {
        if (_objects.TryGetValue(item.Name, out var known) && known.ResourceVersion == item.ResourceVersion) return;
        _objects[item.Name] = item;
        changed(item.Name);
    }
}
