using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Plugins;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>Users and groups of pods with <c>hostUsers: false</c> (KEP-127): each has 65,536 ids of the host for its own, written into its folder, so that it keeps
/// them. As upstream where the host has no <c>kubelet</c> user with subordinate ids: they begin at 65,536. Thread-safe.</summary>
internal sealed class UserNamespaces(string podsDirectory, int podsMax, RuntimeSupport support)
{
    private const uint IdsPerPod = 65536;
    private const string FileName = "userns";

    private readonly Lock _gate = new();

    /// <exception cref="ContainerConfigException">The runtime cannot, or there is none left.</exception>
    /// <param name="handler">The runtime's handler of the pod's RuntimeClass; empty: the default one.</param>
    public UserNamespace Of(V1Pod pod, string handler)
    {
        // Without this the pod's root would be the host's, and nobody would know.
        if (!support.HasUserNamespaces(handler))
            throw new ContainerConfigException(handler.Length == 0
                ? "can't set `spec.hostUsers: false`, runtime does not support user namespaces"
                : $"can't set `spec.hostUsers: false`, RuntimeClass handler \"{handler}\" does not support user namespaces");
        lock (_gate)
        {
            if (Read(pod.Uid()) is { } has) return Mapped(has);
            var used = Directory.Exists(podsDirectory) ? Directory.EnumerateDirectories(podsDirectory).Select(d => Read(Path.GetFileName(d))).OfType<uint>().ToHashSet() : [];
            for (uint slot = 1; slot <= Math.Max(podsMax, 110); slot++)
            {
                if (used.Contains(slot * IdsPerPod)) continue;
                Write(pod.Uid(), slot * IdsPerPod);
                return Mapped(slot * IdsPerPod);
            }
        }
        throw new ContainerConfigException("create user namespace: could not find an empty slot to allocate a user namespace");
    }

    private static UserNamespace Mapped(uint first)
    {
        var users = new UserNamespace { Mode = NamespaceMode.Pod };
        users.Uids.Add(new IDMapping { HostId = first, ContainerId = 0, Length = IdsPerPod });
        users.Gids.Add(new IDMapping { HostId = first, ContainerId = 0, Length = IdsPerPod });
        return users;
    }

    private string FileOf(string uid) => Path.Combine(podsDirectory, uid, FileName);

    /// <summary>First id of the host; null: the pod has none.</summary>
    private uint? Read(string uid)
    {
        var file = FileOf(uid);
        if (!File.Exists(file)) return null;
        try
        {
            return (uint?)JsonNode.Parse(File.ReadAllText(file))?["uidMappings"]?[0]?["hostId"];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new ContainerConfigException($"user namespace: invalid user namespace mappings file: {file}: {e.Message}");
        }
    }

    private void Write(string uid, uint first)
    {
        Directory.CreateDirectory(Path.Combine(podsDirectory, uid));
        CheckpointFile.Write(FileOf(uid), new JsonObject { ["uidMappings"] = Mapping(), ["gidMappings"] = Mapping() }.ToJsonString());

        JsonArray Mapping() => new(new JsonObject { ["hostId"] = first, ["containerId"] = 0, ["length"] = IdsPerPod });
    }
}
