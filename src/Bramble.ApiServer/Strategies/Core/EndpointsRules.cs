using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of Endpoints.</summary>
internal static class EndpointsRules
{
    private static readonly FieldPath Path = FieldPath.Of("subsets");

    public static void Validate(JsonObject endpoints, FieldErrors errors)
    {
        foreach (var (index, subset) in endpoints.Items("subsets"))
        {
            var at = Path.Index(index);
            if (subset.Count("addresses") == 0 && subset.Count("notReadyAddresses") == 0) errors.Required(at, "must specify `addresses` or `notReadyAddresses`");
            foreach (var list in (ReadOnlySpan<string>)["addresses", "notReadyAddresses"])
                foreach (var (position, address) in subset.Items(list)) Address(address, at.Child(list).Index(position), errors);
            foreach (var (position, port) in subset.Items("ports")) Port(port, subset.Count("ports") > 1, at.Child("ports").Index(position), errors);
        }
    }

    private static void Address(JsonObject address, FieldPath path, FieldErrors errors)
    {
        IpRules.LegacyIp(errors, path.Child("ip"), address.Text("ip"));
        if (address.Text("hostname") is { Length: > 0 } hostname) errors.InvalidEach(path.Child("hostname"), hostname, Formats.DnsLabel(hostname));
        if (address.TextOrNull("nodeName") is { } node) errors.InvalidEach(path.Child("nodeName"), node, Formats.DnsSubdomain(node));
        IpRules.EndpointIp(errors, path.Child("ip"), address.Text("ip"));
    }

    private static void Port(JsonObject port, bool requiresName, FieldPath path, FieldErrors errors)
    {
        var name = port.Text("name");
        if (requiresName && name.Length == 0) errors.Required(path.Child("name"));
        else if (name.Length > 0) errors.InvalidEach(path.Child("name"), name, Formats.DnsLabel(name));
        errors.InvalidEach(path.Child("port"), port.Long("port"), Formats.PortNumber(port.Long("port")));
        PortRules.Protocol(port.Text("protocol"), path.Child("protocol"), errors);
        if (port.TextOrNull("appProtocol") is { } protocol) errors.InvalidEach(path.Child("appProtocol"), protocol, Formats.LabelKey(protocol));
    }

    public static IEnumerable<string> Warnings(JsonObject endpoints)
    {
        var warnings = new List<string>();
        if (endpoints.Labels().Text("endpoints.kubernetes.io/managed-by") == "endpoint-controller") return warnings;
        foreach (var (index, subset) in endpoints.Items("subsets"))
            foreach (var list in (ReadOnlySpan<string>)["addresses", "notReadyAddresses"])
                foreach (var (position, address) in subset.Items(list))
                    if (IpRules.Warning(Path.Index(index).Child(list).Index(position).Child("ip"), address.Text("ip")) is { } warning) warnings.Add(warning);
        return warnings;
    }
}
