using System.Text;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Api;
using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Volumes;

/// <summary>Files of configMap, secret, downwardAPI and projected volumes, read from the API's objects.</summary>
internal sealed class Projections(ObjectWatches objects, ServiceAccountTokens tokens, Func<string, decimal> allocatable, IReadOnlyList<string> hostIps)
{
    private const int ModeDefault = 0b110_100_100;

    /// <summary>The objects a pod's volumes and containers refer to.</summary>
    public static HashSet<(ResourceId, NamespacedName)> References(V1Pod pod)
    {
        var used = new HashSet<(ResourceId, NamespacedName)>();
        foreach (var volume in pod.Spec.Volumes ?? [])
        {
            if (volume.ConfigMap is { } map) Map(map.Name);
            if (volume.Secret is { } secret) Secret(secret.SecretName);
            foreach (var source in volume.Projected?.Sources ?? [])
            {
                if (source.ConfigMap is { } m) Map(m.Name);
                if (source.Secret is { } s) Secret(s.Name);
            }
        }
        foreach (var c in pod.Spec.AllContainers())
        {
            foreach (var from in c.Container.EnvFrom ?? [])
            {
                if (from.ConfigMapRef is { } m) Map(m.Name);
                if (from.SecretRef is { } s) Secret(s.Name);
            }
            foreach (var env in c.Container.Env ?? [])
            {
                if (env.ValueFrom?.ConfigMapKeyRef is { } m) Map(m.Name);
                if (env.ValueFrom?.SecretKeyRef is { } s) Secret(s.Name);
            }
        }
        foreach (var pull in pod.Spec.ImagePullSecrets ?? []) Secret(pull.Name);
        return used;

        void Map(string? name)
        {
            if (!string.IsNullOrEmpty(name)) used.Add((Resources.ConfigMaps, new(pod.Namespace(), name)));
        }
        void Secret(string? name)
        {
            if (!string.IsNullOrEmpty(name)) used.Add((Resources.Secrets, new(pod.Namespace(), name)));
        }
    }

    /// <returns>Null: the volume is of another kind.</returns>
    public async ValueTask<Dictionary<string, ProjectedFile>?> FilesAsync(V1Pod pod, V1Volume volume, IReadOnlyList<string> podIps, CancellationToken cancel)
    {
        var files = new Dictionary<string, ProjectedFile>(StringComparer.Ordinal);
        if (volume.ConfigMap is { } map) await ConfigMapAsync(files, pod, map.Name, map.Items, map.DefaultMode, map.Optional, cancel);
        else if (volume.Secret is { } secret) await SecretAsync(files, pod, secret.SecretName, secret.Items, secret.DefaultMode, secret.Optional, cancel);
        else if (volume.DownwardAPI is { } downward) Downward(files, pod, downward.Items, downward.DefaultMode, podIps);
        else if (volume.Projected is { } projected)
        {
            foreach (var source in projected.Sources ?? [])
            {
                if (source.ConfigMap is { } m) await ConfigMapAsync(files, pod, m.Name, m.Items, projected.DefaultMode, m.Optional, cancel);
                else if (source.Secret is { } s) await SecretAsync(files, pod, s.Name, s.Items, projected.DefaultMode, s.Optional, cancel);
                else if (source.DownwardAPI is { } d) Downward(files, pod, d.Items, projected.DefaultMode, podIps);
                else if (source.ServiceAccountToken is { } t) await TokenAsync(files, pod, t, projected.DefaultMode, cancel);
                else throw new VolumeException("this kind of projected source is not supported on this node");
            }
        }
        else return null;
        return files;
    }

    private async ValueTask ConfigMapAsync(
        Dictionary<string, ProjectedFile> files, V1Pod pod, string name, IList<V1KeyToPath>? items, int? mode, bool? optional, CancellationToken cancel)
    {
        var found = await objects.FindAsync(Resources.ConfigMaps, new(pod.Namespace(), name), cancel);
        if (found is null)
        {
            if (optional == true) return;
            throw new VolumeException($"configmap \"{name}\" not found");
        }
        var map = found.Model<V1ConfigMap>();
        var data = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var (key, value) in map.Data ?? new Dictionary<string, string>()) data[key] = Encoding.UTF8.GetBytes(value);
        foreach (var (key, value) in map.BinaryData ?? new Dictionary<string, byte[]>()) data[key] = value;
        Pick(files, data, items, mode, optional, "configmap references non-existent config key: ");
    }

    private async ValueTask SecretAsync(
        Dictionary<string, ProjectedFile> files, V1Pod pod, string name, IList<V1KeyToPath>? items, int? mode, bool? optional, CancellationToken cancel)
    {
        var found = await objects.FindAsync(Resources.Secrets, new(pod.Namespace(), name), cancel);
        if (found is null)
        {
            if (optional == true) return;
            throw new VolumeException($"secret \"{name}\" not found");
        }
        Pick(files, found.Model<V1Secret>().Data ?? new Dictionary<string, byte[]>(), items, mode, optional, "references non-existent secret key: ");
    }

    private static void Pick(
        Dictionary<string, ProjectedFile> files, IDictionary<string, byte[]> data, IList<V1KeyToPath>? items, int? mode, bool? optional, string missing)
    {
        if (items is not { Count: > 0 })
        {
            foreach (var (key, value) in data) files[key] = new(value, Mode(mode));
            return;
        }
        foreach (var item in items)
        {
            if (data.TryGetValue(item.Key, out var value)) files[item.Path] = new(value, Mode(item.Mode ?? mode));
            else if (optional != true) throw new VolumeException(missing + item.Key);
        }
    }

    private void Downward(Dictionary<string, ProjectedFile> files, V1Pod pod, IList<V1DownwardAPIVolumeFile>? items, int? mode, IReadOnlyList<string> podIps)
    {
        foreach (var item in items ?? [])
        {
            string text;
            if (item.FieldRef is { } field) text = DownwardApi.Field(pod, field.FieldPath, podIps, hostIps);
            else if (item.ResourceFieldRef is { } resource) text = DownwardApi.Resource(pod, pod.Spec.Containers[0], resource, allocatable);
            else continue;
            files[item.Path] = new(Encoding.UTF8.GetBytes(text), Mode(item.Mode ?? mode));
        }
    }

    private async ValueTask TokenAsync(
        Dictionary<string, ProjectedFile> files, V1Pod pod, V1ServiceAccountTokenProjection source, int? mode, CancellationToken cancel)
    {
        var token = await tokens.GetAsync(pod, source.Audience ?? "", source.ExpirationSeconds ?? 3600, cancel);
        // Only the one user that all containers run as may read it; with an fsGroup its group may; else everybody in the pod.
        var users = pod.Spec.AllContainers().Select(c => c.Container.SecurityContext?.RunAsUser ?? pod.Spec.SecurityContext?.RunAsUser).Distinct().ToList();
        var owner = users is [{ } only] ? only : (long?)null;
        var isPrivate = owner is not null || pod.Spec.SecurityContext?.FsGroup is not null;
        files[source.Path] = new(Encoding.UTF8.GetBytes(token), isPrivate ? (UnixFileMode)0b110_000_000 : Mode(mode), owner);
    }

    private static UnixFileMode Mode(int? mode) => (UnixFileMode)((mode ?? ModeDefault) & 0b111_111_111_111);
}
