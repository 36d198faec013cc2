using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>A Node's row.</summary>
internal static class NodeRow
{
    private const string RolePrefix = "node-role.kubernetes.io/";

    public static JsonArray Cells(JsonObject node, DateTimeOffset now)
    {
        var info = node.At("status", "nodeInfo");
        var status = node.Condition("Ready") is { } ready ? ready.Text("status") == "True" ? "Ready" : "NotReady" : "Unknown";
        if (node.Flag("spec", "unschedulable")) status += ",SchedulingDisabled";
        var kernel = OrUnknown(info.Text("kernelVersion"));
        if (info.Text("architecture") is { Length: > 0 } architecture) kernel += $" ({architecture})";
        return new JsonArray(
            node.Name(),
            status,
            string.Join(',', Roles(node)).OrNone(),
            node.Age(now),
            info.Text("kubeletVersion"),
            Address(node, "InternalIP"),
            Address(node, "ExternalIP"),
            OrUnknown(info.Text("osImage")),
            kernel,
            OrUnknown(info.Text("containerRuntimeVersion")));
    }

    private static SortedSet<string> Roles(JsonObject node)
    {
        var roles = new SortedSet<string>(StringComparer.Ordinal);
        if (node.At("metadata", "labels") is not JsonObject labels) return roles;
        foreach (var (key, value) in labels)
        {
            var role = key.StartsWith(RolePrefix, StringComparison.Ordinal) ? key[RolePrefix.Length..] : key == "kubernetes.io/role" ? (string?)value ?? "" : "";
            if (role.Length > 0) roles.Add(role);
        }
        return roles;
    }

    private static string Address(JsonObject node, string type) =>
        node.Items("status", "addresses").FirstOrDefault(a => a.Text("type") == type) is { } address ? address.Text("address") : "<none>";

    private static string OrUnknown(string text) => text.Length > 0 ? text : "<unknown>";
}
