using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Kubelet.Csi;

/// <summary>What is remembered on disk of a driver's volume that is mounted here, in upstream's file <c>vol_data.json</c>: after a restart it is found again by it.</summary>
/// <param name="Name">The PersistentVolume's name, or that of a pod's own volume.</param>
internal sealed record CsiVolume(string Driver, string Handle, string Name, bool IsEphemeral)
{
    public const string FileName = "vol_data.json";

    /// <summary>As the node's status names it.</summary>
    public string UniqueName => $"kubernetes.io/csi/{Driver}^{Handle}";

    public bool IsSame(CsiVolume other) => other.Driver == Driver && other.Handle == Handle;

    /// <summary>The VolumeAttachment of this volume on a node.</summary>
    public string AttachmentOn(string node) => $"csi-{Hash($"{Handle}{Driver}{node}")}";

    /// <summary>Where a driver mounts it once for the node.</summary>
    public string StagingFolder(string root) => Path.Combine(root, "plugins", "kubernetes.io", "csi", Driver, Hash(Handle), "globalmount");

    /// <summary>The handle of a pod's own volume, which no claim names.</summary>
    public static string EphemeralHandle(string ns, string podUid, string volume) => $"csi-{Hash($"{volume}{ns}{podUid}")}";

    public void Save(string folder, string node)
    {
        var data = new JsonObject
        {
            ["specVolID"] = Name,
            ["volumeHandle"] = Handle,
            ["driverName"] = Driver,
            ["nodeName"] = node,
            ["attachmentID"] = AttachmentOn(node),
            ["volumeLifecycleMode"] = IsEphemeral ? "Ephemeral" : "Persistent",
        };
        Directory.CreateDirectory(folder, (UnixFileMode)0b111_101_000);
        File.WriteAllText(Path.Combine(folder, FileName), data.ToJsonString());
    }

    /// <returns>Null: there is no such file, or one that was cut off.</returns>
    public static CsiVolume? Load(string folder)
    {
        try
        {
            var data = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, FileName)));
            return data is null ? null : new CsiVolume((string?)data["driverName"] ?? "", (string?)data["volumeHandle"] ?? "", (string?)data["specVolID"] ?? "", (string?)data["volumeLifecycleMode"] == "Ephemeral");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
