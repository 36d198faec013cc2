using System.Text;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>What environment variables may refer to, besides the pod itself.</summary>
internal sealed record EnvSources
{
    /// <summary>Null: there is no such ConfigMap in the pod's namespace.</summary>
    public required Func<string, ValueTask<V1ConfigMap?>> ConfigMap { get; init; }
    public required Func<string, ValueTask<V1Secret?>> Secret { get; init; }

    /// <summary>Text of a file in one of the pod's volumes; null: there is no such file.</summary>
    /// <exception cref="ContainerConfigException">There is no such volume.</exception>
    public required Func<string, string, string?> File { get; init; }
    public required IEnumerable<V1Service> Services { get; init; }
    public required IReadOnlyList<string> PodIps { get; init; }
    public required IReadOnlyList<string> HostIps { get; init; }
    public required Func<string, decimal> Allocatable { get; init; }
}

/// <summary>A container's environment, in upstream's order of precedence: service links, envFrom, env; later ones win and see earlier ones.</summary>
internal static class EnvVars
{
    public static async ValueTask<List<KeyValuePair<string, string>>> MakeAsync(V1Pod pod, V1Container container, EnvSources sources)
    {
        var result = new List<KeyValuePair<string, string>>();
        var known = new Dictionary<string, string>(StringComparer.Ordinal);
        var services = ServiceLinks.Of(pod.Namespace(), sources.Services, pod.Spec.EnableServiceLinks != false).ToList();
        var fromObjects = new Dictionary<string, string>(StringComparer.Ordinal);

        foreach (var from in container.EnvFrom ?? [])
            foreach (var (key, value) in await FromAsync(pod, from, sources)) fromObjects[(from.Prefix ?? "") + key] = value;
        foreach (var (name, value) in fromObjects) Set(name, value);

        var serviceMap = new Dictionary<string, string>(services, StringComparer.Ordinal);
        foreach (var env in container.Env ?? [])
        {
            string? value;
            if (env.ValueFrom is { } source) value = await ValueAsync(pod, container, source, sources);
            else value = Expansion.Expand(env.Value ?? "", name => known.GetValueOrDefault(name) ?? serviceMap.GetValueOrDefault(name));
            if (value is not null) Set(env.Name, value);
        }
        foreach (var (name, value) in services)
            if (!known.ContainsKey(name)) Set(name, value);
        return result;

        void Set(string name, string value)
        {
            if (!known.TryAdd(name, value))
            {
                known[name] = value;
                result.RemoveAll(p => p.Key == name);
            }
            result.Add(new(name, value));
        }
    }

    private static async ValueTask<IEnumerable<KeyValuePair<string, string>>> FromAsync(V1Pod pod, V1EnvFromSource from, EnvSources sources)
    {
        if (from.ConfigMapRef is { } mapRef)
        {
            if (await sources.ConfigMap(mapRef.Name) is { } map) return map.Data?.OrderBy(p => p.Key, StringComparer.Ordinal).ToList() ?? [];
            return mapRef.Optional == true ? [] : throw new ContainerConfigException($"configmap \"{mapRef.Name}\" not found");
        }
        if (from.SecretRef is { } secretRef)
        {
            if (await sources.Secret(secretRef.Name) is { } secret)
                return secret.Data?.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Encoding.UTF8.GetString(p.Value))).ToList() ?? [];
            return secretRef.Optional == true ? [] : throw new ContainerConfigException($"secret \"{secretRef.Name}\" not found");
        }
        return [];
    }

    /// <summary>Null: an optional reference to nothing, the variable is left out.</summary>
    private static async ValueTask<string?> ValueAsync(V1Pod pod, V1Container container, V1EnvVarSource source, EnvSources sources)
    {
        if (source.FieldRef is { } field) return DownwardApi.Field(pod, field.FieldPath, sources.PodIps, sources.HostIps);
        if (source.ResourceFieldRef is { } resource) return DownwardApi.Resource(pod, container, resource, sources.Allocatable);
        if (source.ConfigMapKeyRef is { } mapRef)
        {
            var map = await sources.ConfigMap(mapRef.Name);
            if (map is null) return mapRef.Optional == true ? null : throw new ContainerConfigException($"configmap \"{mapRef.Name}\" not found");
            if (map.Data is not null && map.Data.TryGetValue(mapRef.Key, out var value)) return value;
            return mapRef.Optional == true
                ? null
                : throw new ContainerConfigException($"couldn't find key {mapRef.Key} in ConfigMap {pod.Namespace()}/{mapRef.Name}");
        }
        if (source.SecretKeyRef is { } secretRef)
        {
            var secret = await sources.Secret(secretRef.Name);
            if (secret is null) return secretRef.Optional == true ? null : throw new ContainerConfigException($"secret \"{secretRef.Name}\" not found");
            if (secret.Data is not null && secret.Data.TryGetValue(secretRef.Key, out var value)) return Encoding.UTF8.GetString(value);
            return secretRef.Optional == true
                ? null
                : throw new ContainerConfigException($"couldn't find key {secretRef.Key} in Secret {pod.Namespace()}/{secretRef.Name}");
        }
        if (source.FileKeyRef is { } file)
        {
            try
            {
                if (sources.File(file.VolumeName, file.Path) is { } text && EnvFile.Find(text, file.Key) is { } value) return value;
            }
            catch (Exception e) when (e is ContainerConfigException or Volumes.VolumeException)
            {
                throw new ContainerConfigException($"couldn't parse env file: {e.Message}");
            }
            return file.Optional == true ? null : throw new ContainerConfigException($"environment variable key \"{file.Key}\" not found in file \"{file.Path}\" of volume \"{file.VolumeName}\"");
        }
        return null;
    }
}
