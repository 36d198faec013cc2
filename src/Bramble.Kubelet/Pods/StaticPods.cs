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
    private readonly ConcurrentDictionary<NamespacedName, V1Pod> _pods = new();
    private readonly ConcurrentDictionary<NamespacedName, V1Pod> _mirrors = new();
    private readonly SemaphoreSlim _changed = new(1);

    public string? MirrorUid(V1Pod pod) => _mirrors.TryGetValue(new(pod.Namespace(), pod.Name()), out var mirror) ? mirror.Uid() : null;

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
                var name = new NamespacedName(pod.Namespace(), pod.Name());
                seen.Add(name);
                if (_pods.TryGetValue(name, out var known))
                {
                    if (known.Uid() == pod.Uid()) continue;
                    workers.RemoveStatic(known.Uid());
                }
                _pods[name] = pod;
                workers.Apply(pod);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Log.StaticPodBad(log, file, e.Message);
            }
        }
        foreach (var (name, pod) in _pods)
            if (!seen.Contains(name) && _pods.TryRemove(name, out _)) workers.RemoveStatic(pod.Uid());
    }

    private static V1Pod Decode(string text)
    {
        var format = text.TrimStart().StartsWith('{') ? BodyFormat.Json : BodyFormat.Yaml;
        var type = BuiltInSchemas.FindKind(new GroupVersionKind("", "v1", "Pod"))!;
        var decoded = ObjectDecoder.Decode(Encoding.UTF8.GetBytes(text), format, type, FieldValidation.Ignore);
        return ModelJson.Read<V1Pod>(Encoding.UTF8.GetBytes(decoded.Tree.ToJsonString()));
    }

    private V1Pod Complete(V1Pod pod, string file, string text)
    {
        if (string.IsNullOrEmpty(pod.Metadata?.Name) || pod.Spec?.Containers is not { Count: > 0 }) throw new FormatException("it is not a Pod with a name and containers");
        // The uid is the manifest's: a changed file is another pod.
        var hash = Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes($"{config.NodeName}\n{file}\n{text}")));
        pod.Metadata.Uid = hash;
        pod.Metadata.Name = $"{pod.Metadata.Name}-{config.NodeName.ToLowerInvariant()}";
        pod.Metadata.NamespaceProperty ??= "default";
        pod.Metadata.Annotations ??= new Dictionary<string, string>();
        pod.Metadata.Annotations[Annotations.ConfigHash] = hash;
        pod.Metadata.Annotations[Annotations.ConfigSource] = "file";
        pod.Metadata.Annotations[Annotations.ConfigSeen] = time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);
        pod.Spec.NodeName = config.NodeName;
        pod.Spec.RestartPolicy ??= "Always";
        pod.Spec.DnsPolicy ??= "ClusterFirst";
        pod.Spec.EnableServiceLinks ??= true;
        pod.Spec.TerminationGracePeriodSeconds ??= 30;
        pod.Spec.Tolerations ??= [];
        pod.Spec.Tolerations.Add(new V1Toleration { OperatorProperty = "Exists", Effect = "NoExecute" });
        return pod;
    }

    private async Task MirrorAsync(PodWorkers workers, CancellationToken cancel)
    {
        foreach (var (name, pod) in _pods)
        {
            if (_mirrors.TryGetValue(name, out var mirror))
            {
                if (mirror.Metadata.Annotations?.TryGetValue(Annotations.ConfigMirror, out var hash) == true && hash == pod.Uid() && !mirror.IsBeingDeleted()) continue;
                await client.DeleteAsync(Resources.Pods, name, new DeleteQuery(GracePeriodSeconds: 0, Uid: mirror.Uid()), cancel);
                _mirrors.TryRemove(name, out _);
            }
            var body = ModelJson.ToTree(pod);
            body["apiVersion"] = "v1";
            body["kind"] = "Pod";
            body["metadata"]!.AsObject().Remove("uid");
            body["metadata"]!["annotations"]![Annotations.ConfigMirror] = pod.Uid();
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
                workers.Wake(pod.Uid());
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
}
