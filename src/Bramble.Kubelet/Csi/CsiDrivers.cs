using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Plugins;
using Bramble.Kubelet.Plugins.Protocol;

namespace Bramble.Kubelet.Csi;

/// <summary>The storage drivers that run on this node, and what the API says of them: CSINode, and the node's topology labels. Thread-safe.</summary>
internal sealed class CsiDrivers(KubeletConfig config, IKubeClient client) : IPluginKind, IDisposable
{
    /// <summary>The old in-tree plugins whose volumes this node mounts by their drivers: all of them.</summary>
    private const string Migrated = "kubernetes.io/aws-ebs,kubernetes.io/azure-disk,kubernetes.io/azure-file,kubernetes.io/cinder,kubernetes.io/gce-pd,kubernetes.io/portworx-volume,kubernetes.io/vsphere-volume";
    private const string NodeIds = "csi.volume.kubernetes.io/nodeid";

    private readonly NamespacedName _node = new("", config.NodeName);
    private readonly ConcurrentDictionary<string, (CsiDriver Driver, string Socket)> _byName = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Null: no driver of that name has registered.</summary>
    public CsiDriver? Find(string name) => _byName.TryGetValue(name, out var found) ? found.Driver : null;

    /// <summary>What the API says of a driver, as last seen; null: nothing.</summary>
    public Func<string, KubeObject?> About { get; set; } = _ => null;

    public IEnumerable<string> Names => _byName.Keys;

    /// <summary>Done when the first driver has come.</summary>
    public Task First => _first.Task;

    /// <summary>Every node has a CSINode, also one without drivers.</summary>
    public async Task EnsureNodeAsync(CancellationToken cancel)
    {
        if (await client.FindAsync(Resources.CSINodes, _node, cancel) is null) await CreateNodeAsync([], cancel);
    }

    public string? WhyNot(PluginInfo plugin) => plugin.SupportedVersions.Any(v => v.TrimStart('v').Split('.')[0] == "1")
        ? null
        : $"CSI driver {plugin.Name} supports versions [{string.Join(' ', plugin.SupportedVersions)}]; 1.x is needed";

    Task IPluginKind.AddAsync(string socket, PluginInfo plugin, CancellationToken cancel) => AddAsync(socket, plugin.Name, plugin.Endpoint, cancel);

    /// <exception cref="CsiException">The driver does not answer.</exception>
    public async Task AddAsync(string socket, string name, string endpoint, CancellationToken cancel)
    {
        var driver = await CsiDriver.ConnectAsync(name, endpoint, cancel);
        try
        {
            await WriteAsync(name, driver, cancel);
        }
        catch
        {
            driver.Dispose();
            throw;
        }
        // A driver that is being replaced (an update of its DaemonSet) has no socket of its own any longer.
        if (_byName.TryGetValue(name, out var old)) old.Driver.Dispose();
        _byName[name] = (driver, socket);
        _first.TrySetResult();
    }

    public async Task RemoveAsync(string socket, CancellationToken cancel)
    {
        foreach (var (name, (driver, from)) in _byName)
        {
            if (from != socket || !_byName.TryRemove(new KeyValuePair<string, (CsiDriver, string)>(name, (driver, from)))) continue;
            driver.Dispose();
            await WriteAsync(name, null, cancel);
        }
    }

    /// <summary>Asks a driver again what it can have on this node: what else it told when it came stays.</summary>
    /// <exception cref="CsiException">It does not answer.</exception>
    public async Task RenewAsync(string name, CancellationToken cancel)
    {
        if (Find(name) is not { } driver) return;
        await driver.RenewInfoAsync(cancel);
        await WriteAsync(name, driver, cancel, withLabels: false);
    }

    public void Dispose()
    {
        foreach (var (driver, _) in _byName.Values) driver.Dispose();
        _writing.Dispose();
    }

    /// <summary>CSINode of this driver; with what it is when it has come, without when it has gone.</summary>
    private async Task WriteAsync(string name, CsiDriver? driver, CancellationToken cancel, bool withLabels = true)
    {
        await _writing.WaitAsync(cancel);
        try
        {
            if (driver is not null && withLabels) await LabelAsync(name, driver, cancel);
            for (var tries = 0; ; tries++)
            {
                try
                {
                    await WriteOnceAsync(name, driver, cancel);
                    return;
                }
                catch (StatusException e) when ((e.IsConflict || e.IsAlreadyExists) && tries < 5)
                {
                    // Written by another hand meanwhile: read anew.
                }
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task WriteOnceAsync(string name, CsiDriver? driver, CancellationToken cancel)
    {
        if (await client.FindAsync(Resources.CSINodes, _node, cancel) is { } found)
        {
            var tree = found.ToTree();
            if (WithDriver(tree["spec"]?["drivers"] as JsonArray ?? [], name, driver is null ? null : Entry(name, driver.Info)) is not { } drivers) return;
            tree["spec"] = new JsonObject { ["drivers"] = drivers };
            await client.UpdateAsync(Resources.CSINodes, tree, null, cancel);
            return;
        }
        if (driver is not null) await CreateNodeAsync([Entry(name, driver.Info)], cancel);
    }

    private async Task CreateNodeAsync(JsonArray entries, CancellationToken cancel)
    {
        var node = await client.FindAsync(Resources.Nodes, _node, cancel) ?? throw new InvalidOperationException($"node {config.NodeName} is not registered yet");
        await client.CreateAsync(Resources.CSINodes, new JsonObject
        {
            ["apiVersion"] = "storage.k8s.io/v1",
            ["kind"] = "CSINode",
            ["metadata"] = new JsonObject
            {
                ["name"] = config.NodeName,
                ["annotations"] = new JsonObject { ["storage.alpha.kubernetes.io/migrated-plugins"] = Migrated },
                // It goes with its node.
                ["ownerReferences"] = new JsonArray(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Node", ["name"] = config.NodeName, ["uid"] = node.Uid }),
            },
            ["spec"] = new JsonObject { ["drivers"] = entries },
        }, cancel);
    }

    /// <returns>Null: nothing changes. Pure.</returns>
    public static JsonArray? WithDriver(JsonArray drivers, string name, JsonNode? entry)
    {
        if (entry is not null && drivers.Count(d => (string?)d?["name"] == name) == 1 && drivers.Any(d => IsSame(d!, entry))) return null;
        var kept = drivers.Where(d => (string?)d?["name"] != name).Select(d => d!.DeepClone()).ToList();
        if (entry is not null) kept.Add(entry);
        var all = new JsonArray([.. kept]);
        return JsonNode.DeepEquals(all, drivers) ? null : all;
    }

    private static bool IsSame(JsonNode a, JsonNode b)
    {
        foreach (var field in (ReadOnlySpan<string>)["name", "nodeID", "topologyKeys", "allocatable"])
            if (!JsonNode.DeepEquals(a[field], b[field])) return false;
        return true;
    }

    public static JsonNode Entry(string name, Protocol.NodeGetInfoResponse info)
    {
        var entry = new JsonObject { ["name"] = name, ["nodeID"] = info.NodeId };
        var keys = (info.AccessibleTopology?.Segments.Keys ?? (ICollection<string>)[]).Order(StringComparer.Ordinal).Select(k => (JsonNode)k).ToArray();
        entry["topologyKeys"] = keys.Length == 0 ? null : new JsonArray(keys);
        // Zero means that the driver knows no limit.
        if (info.MaxVolumesPerNode > 0) entry["allocatable"] = new JsonObject { ["count"] = Math.Min(info.MaxVolumesPerNode, int.MaxValue) };
        return entry;
    }

    /// <summary>The node's own labels say where the driver can reach volumes from; its annotation what the driver calls it, for old attachers.</summary>
    private async Task LabelAsync(string name, CsiDriver driver, CancellationToken cancel)
    {
        if (await client.FindAsync(Resources.Nodes, _node, cancel) is not { } node) throw new InvalidOperationException($"node {config.NodeName} is not registered yet");
        var metadata = node.ToTree()["metadata"]!;
        var ids = Parse((string?)metadata["annotations"]?[NodeIds]);
        var labels = new JsonObject();
        foreach (var (key, value) in driver.Info.AccessibleTopology?.Segments ?? [])
            if ((string?)metadata["labels"]?[key] != value) labels[key] = value;
        if ((string?)ids[name] == driver.Info.NodeId && labels.Count == 0) return;
        ids[name] = driver.Info.NodeId;
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [NodeIds] = ids.ToJsonString() }, ["labels"] = labels } };
        await client.MergePatchAsync(Resources.Nodes, _node, patch, null, cancel);
    }

    private static JsonObject Parse(string? json)
    {
        try
        {
            return json is null ? [] : JsonNode.Parse(json)?.AsObject() ?? [];
        }
        catch (Exception e) when (e is System.Text.Json.JsonException or InvalidOperationException)
        {
            return [];      // somebody's hand: it is written anew
        }
    }
}
