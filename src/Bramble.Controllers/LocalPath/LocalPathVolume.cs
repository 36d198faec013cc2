using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Controllers.PersistentVolumes;
using k8s.Models;

namespace Bramble.Controllers.LocalPath;

/// <summary>What a claim of a local-path class gets: a folder on the node that the scheduler chose and a volume that is tied to it. Pure. Source: the
/// behaviour of K3s' local-path-provisioner 0.0.36; refusals in its words.</summary>
internal static partial class LocalPathVolume
{
    public const string Provisioner = "rancher.io/local-path";
    public const string ProvisionedBy = "pv.kubernetes.io/provisioned-by";
    public const string SelectedNode = "volume.kubernetes.io/selected-node";
    private const string OnNode = "local.path.provisioner/selected-node";
    private const string HostName = "kubernetes.io/hostname";

    /// <summary>The volume's name, known before it is made: a crash half-way makes no second one.</summary>
    public static string NameFor(V1PersistentVolumeClaim claim) => $"pvc-{claim.Metadata.Uid}";

    /// <param name="node">The chosen node; null: the class binds at once, without one.</param>
    public static LocalPathPlan Decide(V1PersistentVolumeClaim claim, V1StorageClass storageClass, V1Node? node, LocalPathConfig config, Func<int, int> choose)
    {
        if (claim.Spec.Selector is not null) return new LocalPathPlan.Refuse("claim.Spec.Selector is not supported");
        if ((claim.Spec.AccessModes ?? []).Any(mode => mode is not ("ReadWriteOnce" or "ReadWriteOncePod")))
            return new LocalPathPlan.Refuse("NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes");
        if (node is null) return new LocalPathPlan.Refuse("configuration error, no node was specified");
        var kind = Value(claim.Metadata.Annotations, "volumeType") ?? Value(storageClass.Metadata.Annotations, "defaultVolumeType") ?? "hostPath";
        if (kind.ToLowerInvariant() is not ("local" or "hostpath")) return new LocalPathPlan.Refuse($"\"{kind}\" is not a recognised volume type");
        string path;
        try
        {
            var root = config.PathOn(node.Metadata.Name, Value(storageClass.Parameters, "nodePath"), choose);
            path = $"{root}/{Folder(claim, Value(storageClass.Parameters, "pathPattern"))}";
        }
        catch (FormatException e)
        {
            return new LocalPathPlan.Refuse(e.Message);
        }
        return new LocalPathPlan.Make(node.Metadata.Name, path, Volume(claim, storageClass, node, kind, path));
    }

    /// <summary>Where the folder of a released volume is.</summary>
    /// <returns>An error in place of the place when the volume does not say so.</returns>
    public static (string Node, string Path, string? Error) PlaceOf(V1PersistentVolume volume)
    {
        var path = volume.Spec.Local?.Path ?? volume.Spec.HostPath?.Path;
        if (string.IsNullOrEmpty(path)) return ("", "", "no path set");
        var names = (volume.Spec.NodeAffinity?.Required?.NodeSelectorTerms ?? []).SelectMany(t => t.MatchExpressions ?? [])
            .FirstOrDefault(e => e is { Key: HostName, OperatorProperty: "In" })?.Values;
        if (names is { Count: > 1 }) return ("", "", "multiple values for the node affinity");
        var node = Value(volume.Metadata.Annotations, OnNode) ?? names?.FirstOrDefault();
        return node is null ? ("", "", "cannot find affinited node") : (node, path, null);
    }

    private static JsonObject Volume(V1PersistentVolumeClaim claim, V1StorageClass storageClass, V1Node node, string kind, string path)
    {
        JsonObject Place() => kind.Equals("local", StringComparison.OrdinalIgnoreCase)
            ? new JsonObject { ["path"] = path }
            : new JsonObject { ["path"] = path, ["type"] = "DirectoryOrCreate" };
        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "PersistentVolume",
            ["metadata"] = new JsonObject
            {
                ["name"] = NameFor(claim),
                ["annotations"] = new JsonObject { [OnNode] = node.Metadata.Name, [ProvisionedBy] = Provisioner },
            },
            ["spec"] = new JsonObject
            {
                ["accessModes"] = new JsonArray([.. (claim.Spec.AccessModes ?? []).Select(m => (JsonNode)m)]),
                ["capacity"] = new JsonObject { ["storage"] = claim.Spec.Resources?.Requests?["storage"].ToString() },
                ["claimRef"] = new JsonObject
                {
                    ["kind"] = "PersistentVolumeClaim",
                    ["namespace"] = claim.Metadata.NamespaceProperty,
                    ["name"] = claim.Metadata.Name,
                    ["uid"] = claim.Metadata.Uid,
                    ["apiVersion"] = "v1",
                    ["resourceVersion"] = claim.Metadata.ResourceVersion,
                },
                [kind.Equals("local", StringComparison.OrdinalIgnoreCase) ? "local" : "hostPath"] = Place(),
                ["nodeAffinity"] = new JsonObject
                {
                    ["required"] = new JsonObject
                    {
                        ["nodeSelectorTerms"] = new JsonArray(new JsonObject
                        {
                            ["matchExpressions"] = new JsonArray(new JsonObject
                            {
                                ["key"] = HostName,
                                ["operator"] = "In",
                                ["values"] = new JsonArray(Value(node.Metadata.Labels, HostName) ?? node.Metadata.Name),
                            }),
                        }),
                    },
                },
                ["persistentVolumeReclaimPolicy"] = storageClass.ReclaimPolicy ?? "Delete",
                ["storageClassName"] = VolumeMatch.ClassOf(claim),
                ["volumeMode"] = "Filesystem",
            },
        };
    }

    /// <summary>The folder's name below the node's path; a class may name it by a pattern of the claim's own words.</summary>
    private static string Folder(V1PersistentVolumeClaim claim, string? pattern)
    {
        if (string.IsNullOrEmpty(pattern)) return $"{NameFor(claim)}_{claim.Metadata.NamespaceProperty}_{claim.Metadata.Name}";
        var folder = Placeholder().Replace(pattern, match => match.Groups["field"].Value switch
        {
            "PVName" => NameFor(claim),
            "PVC.Name" => claim.Metadata.Name,
            "PVC.Namespace" => claim.Metadata.NamespaceProperty,
            "PVC.UID" => claim.Metadata.Uid,
            ['P', 'V', 'C', '.', 'L', 'a', 'b', 'e', 'l', 's', '.', .. var key] => Value(claim.Metadata.Labels, key) ?? throw Unknown(),
            ['P', 'V', 'C', '.', 'A', 'n', 'n', 'o', 't', 'a', 't', 'i', 'o', 'n', 's', '.', .. var key] => Value(claim.Metadata.Annotations, key) ?? throw Unknown(),
            _ => throw Unknown(),
        });
        if (folder.Contains("{{", StringComparison.Ordinal)) throw Unknown();
        var parts = folder.Split('/', StringSplitOptions.RemoveEmptyEntries);
        // Labels are the user's: a name must not lead out of the node's folder.
        if (parts.Length == 0 || parts.Contains("..") || parts.Contains(".")) throw new FormatException($"pathPattern leads to the unsafe path \"{folder}\"");
        return string.Join('/', parts);

        FormatException Unknown() => new(string.Create(CultureInfo.InvariantCulture, $"pathPattern \"{pattern}\" cannot be filled in"));
    }

    [GeneratedRegex(@"\{\{\s*\.(?<field>[A-Za-z][A-Za-z0-9._-]*)\s*\}\}")]
    private static partial Regex Placeholder();

    private static string? Value(IDictionary<string, string>? map, string key) => map is not null && map.TryGetValue(key, out var value) ? value : null;
}

/// <summary>What to do for a claim.</summary>
internal abstract record LocalPathPlan
{
    private LocalPathPlan() { }

    /// <summary>The folder on the node first, then the volume that tells of it.</summary>
    public sealed record Make(string Node, string Path, JsonObject Volume) : LocalPathPlan;

    public sealed record Refuse(string Why) : LocalPathPlan;
}
