using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;

namespace Bramble.Kubectl.Describing;

/// <summary>The volumes of a pod or a pod template, as kubectl describes them.</summary>
internal static class VolumeDescription
{
    /// <param name="space">How far a template is indented below its owner; empty for a pod.</param>
    public static void Write(TabbedText text, JsonArray? volumes, string space)
    {
        if (volumes is not { Count: > 0 })
        {
            text.Line(0, $"{space}Volumes:\t<none>");
            return;
        }
        text.Line(0, $"{space}Volumes:");
        foreach (var volume in volumes.OfType<JsonObject>())
        {
            text.Line(1, $"{(space.Length > 0 ? " " : "")}{(string?)volume["name"]}:");
            var (kind, source) = volume.FirstOrDefault(p => p.Key != "name");
            foreach (var line in Lines(kind, source)) text.Line(2, line);
        }
    }

    private static IEnumerable<string> Lines(string kind, JsonNode? source) => kind switch
    {
        "emptyDir" => ["Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)", $"Medium:\t{(string?)source?["medium"]}", $"SizeLimit:\t{(string?)source?["sizeLimit"] ?? "<unset>"}"],
        "hostPath" => ["Type:\tHostPath (bare host directory volume)", $"Path:\t{(string?)source?["path"]}", $"HostPathType:\t{(string?)source?["type"] ?? "<none>"}"],
        "configMap" => ["Type:\tConfigMap (a volume populated by a ConfigMap)", $"Name:\t{(string?)source?["name"]}", $"Optional:\t{FieldDescription.Lower((bool?)source?["optional"])}"],
        "secret" => ["Type:\tSecret (a volume populated by a Secret)", $"SecretName:\t{(string?)source?["secretName"]}", $"Optional:\t{FieldDescription.Lower((bool?)source?["optional"])}"],
        "persistentVolumeClaim" =>
        [
            "Type:\tPersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)", $"ClaimName:\t{(string?)source?["claimName"]}", $"ReadOnly:\t{FieldDescription.Lower((bool?)source?["readOnly"])}",
        ],
        "ephemeral" => ["Type:\tEphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)", .. Claim(source?["volumeClaimTemplate"])],
        "nfs" => ["Type:\tNFS (an NFS mount that lasts the lifetime of a pod)", $"Server:\t{(string?)source?["server"]}", $"Path:\t{(string?)source?["path"]}", $"ReadOnly:\t{FieldDescription.Lower((bool?)source?["readOnly"])}"],
        "image" => ["Type:\tImage (a container image or OCI artifact)", $"Reference:\t{(string?)source?["reference"]}", $"PullPolicy:\t{(string?)source?["pullPolicy"]}"],
        "csi" =>
        [
            "Type:\tCSI (a Container Storage Interface (CSI) volume source)", $"Driver:\t{(string?)source?["driver"]}", $"FSType:\t{(string?)source?["fsType"]}", $"ReadOnly:\t{FieldDescription.Lower((bool?)source?["readOnly"])}",
        ],
        "downwardAPI" => ["Type:\tDownwardAPI (a volume populated by information about the pod)", "Items:", .. (source?["items"] as JsonArray ?? []).Select(item =>
            $"  {(string?)item?["fieldRef"]?["fieldPath"] ?? (string?)item?["resourceFieldRef"]?["resource"]} -> {(string?)item?["path"]}")],
        "projected" => ["Type:\tProjected (a volume that contains injected data from multiple sources)", .. (source?["sources"] as JsonArray ?? []).SelectMany(Projected)],
        _ => [$"Type:\t{kind}"],
    };

    private static IEnumerable<string> Claim(JsonNode? template) =>
    [
        $"StorageClass:\t{(string?)template?["spec"]?["storageClassName"]}",
        $"Volume:\t{(string?)template?["spec"]?["volumeName"]}",
        $"Capacity:\t{(string?)template?["spec"]?["resources"]?["requests"]?["storage"]}",
        $"Access Modes:\t{string.Join(',', (template?["spec"]?["accessModes"] as JsonArray ?? []).Select(mode => mode?.ToString()))}",
        $"VolumeMode:\t{(string?)template?["spec"]?["volumeMode"]}",
    ];

    private static IEnumerable<string> Projected(JsonNode? part)
    {
        if (part?["secret"] is { } secret) return [$"SecretName:\t{(string?)secret["name"]}", $"Optional:\t{FieldDescription.Lower((bool?)secret["optional"])}"];
        if (part?["downwardAPI"] is not null) return ["DownwardAPI:\ttrue"];
        if (part?["configMap"] is { } map) return [$"ConfigMapName:\t{(string?)map["name"]}", $"Optional:\t{FieldDescription.Lower((bool?)map["optional"])}"];
        return part?["serviceAccountToken"] is { } token ? [$"TokenExpirationSeconds:\t{token["expirationSeconds"]}"] : [];
    }
}
