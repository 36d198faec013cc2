using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.Client;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Pods;

/// <summary>Pods from manifests in a folder, and their mirrors in the API. The folder is watched; the mirrors are looked at when they change.</summary>
internal sealed class StaticPods(KubeletConfig config, IKubeClient client, TimeProvider time, ILogger log)
{
    private readonly ConcurrentDictionary<NamespacedName, StaticPod> _pods = new();
    private readonly ConcurrentDictionary<NamespacedName, V1Pod> _mirrors = new();
    private readonly SemaphoreSlim _changed = new(1);

    public string? MirrorUid(V1Pod pod) => _mirrors.TryGetValue(new(pod.Namespace(), pod.Name()), out var mirror) ? mirror.Uid() : null;

    /// <summary>A copy of the pod as its manifest has it, completed; null: its manifest is gone.</summary>
    public JsonObject? Tree(V1Pod pod) =>
        _pods.TryGetValue(pod.NamespacedName(), out var known) && known.Model.Uid() == pod.Uid() ? known.Tree.DeepClone().AsObject() : null;

    public bool IsMirrorOf(NamespacedName name) => _mirrors.ContainsKey(name);

    public void MirrorChanged(NamespacedName name, V1Pod? mirror)
    {
        if (mirror is null) _mirrors.TryRemove(name, out _);
        else _mirrors[name] = mirror;
        _changed.Release();
    }

    public async Task RunAsync(PodWorkers workers, CancellationToken cancel)
    {
        if (config.StaticPodPath is not { } folder) return;
        Directory.CreateDirectory(folder);
        using var watcher = new FileSystemWatcher(folder) { NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite };
        watcher.Changed += (_, _) => _changed.Release();
        watcher.Created += (_, _) => _changed.Release();
        watcher.Deleted += (_, _) => _changed.Release();
        watcher.Renamed += (_, _) => _changed.Release();
        watcher.EnableRaisingEvents = true;
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                // The API may have been away when a mirror was to be made: every 20 s, upstream's period for the folder.
                await _changed.WaitAsync(TimeSpan.FromSeconds(20), cancel);
                while (_changed.Wait(0, cancel)) continue;
                Read(folder, workers);
                await MirrorAsync(workers, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                Log.StaticPodBad(log, folder, e.Message);
            }
        }
    }

    private void Read(string folder, PodWorkers workers)
    {
        var seen = new HashSet<NamespacedName>();
        foreach (var file in Directory.EnumerateFiles(folder).Where(f => !Path.GetFileName(f).StartsWith('.')).Order(StringComparer.Ordinal))
        {
            try
            {
                var text = File.ReadAllText(file);
                var pod = Complete(Decode(text), file, text);
                var name = pod.Model.NamespacedName();
                seen.Add(name);
                if (_pods.TryGetValue(name, out var known))
                {
                    if (known.Model.Uid() == pod.Model.Uid()) continue;
                    workers.RemoveStatic(known.Model.Uid());
                }
                _pods[name] = pod;
                workers.Apply(pod.Model);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Log.StaticPodBad(log, file, e.Message);
            }
        }
        foreach (var (name, pod) in _pods)
            if (!seen.Contains(name) && _pods.TryRemove(name, out _)) workers.RemoveStatic(pod.Model.Uid());
    }

    private static JsonObject Decode(string text)
    {
        var format = text.TrimStart().StartsWith('{') ? BodyFormat.Json : BodyFormat.Yaml;
        var type = BuiltInSchemas.FindKind(new GroupVersionKind("", "v1", "Pod"))!;
        return ObjectDecoder.Decode(Encoding.UTF8.GetBytes(text), format, type, FieldValidation.Ignore).Tree;
    }

    private StaticPod Complete(JsonObject tree, string file, string text)
    {
        if (tree["metadata"] is not JsonObject metadata || (string?)metadata["name"] is not { Length: > 0 } name || tree["spec"] is not JsonObject spec || spec["containers"] is not JsonArray { Count: > 0 })
            throw new FormatException("it is not a Pod with a name and containers");
        // The uid is the manifest's: a changed file is another pod.
        var hash = Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes($"{config.NodeName}\n{file}\n{text}")));
        tree["apiVersion"] = "v1";
        tree["kind"] = "Pod";
        metadata["uid"] = hash;
        metadata["name"] = $"{name}-{config.NodeName.ToLowerInvariant()}";
        metadata["namespace"] ??= "default";
        var annotations = metadata["annotations"] as JsonObject;
        if (annotations is null) metadata["annotations"] = annotations = [];
        annotations[Annotations.ConfigHash] = hash;
        annotations[Annotations.ConfigSource] = "file";
        annotations[Annotations.ConfigSeen] = time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);
        spec["nodeName"] = config.NodeName;
        spec["restartPolicy"] ??= "Always";
        spec["dnsPolicy"] ??= "ClusterFirst";
        spec["enableServiceLinks"] ??= true;
        spec["terminationGracePeriodSeconds"] ??= 30;
        var tolerations = spec["tolerations"] as JsonArray;
        if (tolerations is null) spec["tolerations"] = tolerations = [];
        tolerations.Add((JsonNode)new JsonObject { ["operator"] = "Exists", ["effect"] = "NoExecute" });
        return new StaticPod(tree, ModelJson.Read<V1Pod>(Encoding.UTF8.GetBytes(tree.ToJsonString())));
    }

    private async Task MirrorAsync(PodWorkers workers, CancellationToken cancel)
    {
        foreach (var (name, pod) in _pods)
        {
            var uid = pod.Model.Uid();
            if (_mirrors.TryGetValue(name, out var mirror))
            {
                if (mirror.Metadata.Annotations?.TryGetValue(Annotations.ConfigMirror, out var hash) == true && hash == uid && !mirror.IsBeingDeleted()) continue;
                await client.DeleteAsync(Resources.Pods, name, new DeleteQuery(GracePeriodSeconds: 0, Uid: mirror.Uid()), cancel);
                _mirrors.TryRemove(name, out _);
            }
            var body = pod.Tree.DeepClone().AsObject();
            body["metadata"]!.AsObject().Remove("uid");
            body["metadata"]!["annotations"]![Annotations.ConfigMirror] = uid;
            body.Remove("status");
            if (await client.FindAsync(Resources.Nodes, new("", config.NodeName), cancel) is { } node)
            {
                body["metadata"]!["ownerReferences"] = new JsonArray(new JsonObject
                {
                    ["apiVersion"] = "v1",
                    ["kind"] = "Node",
                    ["name"] = config.NodeName,
                    ["uid"] = node.Uid,
                    ["controller"] = true,
                });
            }
            try
            {
                var made = await client.CreateAsync(Resources.Pods, name, body, null, cancel);
                _mirrors[name] = made.Model<V1Pod>();
                // The new mirror has no status yet.
                workers.Wake(uid);
            }
            catch (StatusException e) when (e.IsAlreadyExists)
            {
                // Seen by the watch in a moment.
            }
        }
        foreach (var (name, mirror) in _mirrors)
        {
            if (_pods.ContainsKey(name)) continue;
            await client.DeleteAsync(Resources.Pods, name, new DeleteQuery(GracePeriodSeconds: 0, Uid: mirror.Uid()), cancel);
            _mirrors.TryRemove(name, out _);
        }
    }

    /// <summary>A manifest's pod: whole, and as the workers read it. Neither is changed once it is here.</summary>
    private sealed class StaticPod(JsonObject tree, V1Pod model)
    {
        public JsonObject Tree { get; } = tree;
        public V1Pod Model { get; } = model;
    }
}
