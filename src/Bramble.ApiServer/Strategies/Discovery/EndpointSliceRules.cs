using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of EndpointSlices.</summary>
internal static class EndpointSliceRules
{
    public static void Validate(JsonObject slice, JsonObject? old, FieldErrors errors)
    {
        var type = slice.Text("addressType");
        if (type.Length == 0) errors.Required("addressType");
        else if (type is not ("FQDN" or "IPv4" or "IPv6")) errors.NotSupported("addressType", type, ["FQDN", "IPv4", "IPv6"]);
        Ports(slice, FieldPath.Of("ports"), errors);
        // Endpoints that were stored before a rule was made stay valid.
        if (old is not null && !slice.Differs(old, "endpoints")) return;
        var path = FieldPath.Of("endpoints");
        if (slice.Count("endpoints") > 1000)
        {
            errors.TooMany(path, slice.Count("endpoints"), 1000);
            return;
        }

        foreach (var (index, endpoint) in slice.Items("endpoints")) Endpoint(endpoint, type, path.Index(index), errors);
    }

    private static void Ports(JsonObject slice, FieldPath path, FieldErrors errors)
    {
        if (slice.Count("ports") > 20000)
        {
            errors.TooMany(path, slice.Count("ports"), 20000);
            return;
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, port) in slice.Items("ports"))
        {
            var (at, name) = (path.Index(index), port.Text("name"));
            if (name.Length > 0) errors.InvalidEach(at.Child("name"), name, Formats.DnsLabel(name));
            if (!names.Add(name)) errors.Duplicate(at.Child("name"), name);
            PortRules.Protocol(port.Text("protocol"), at.Child("protocol"), errors);
            if (port.TextOrNull("appProtocol") is { } protocol) errors.InvalidEach(at.Child("appProtocol"), protocol, Formats.LabelKey(protocol));
        }
    }

    private static void Endpoint(JsonObject endpoint, string type, FieldPath path, FieldErrors errors)
    {
        var (at, index) = (path.Child("addresses"), 0);
        if (endpoint.Count("addresses") == 0) errors.Required(at, "must contain at least 1 address");
        else if (endpoint.Count("addresses") > 100) errors.TooMany(at, endpoint.Count("addresses"), 100);
        foreach (var address in endpoint.Texts("addresses")) Address(address, type, at, at.Index(index++), errors);
        if (endpoint.TextOrNull("nodeName") is { } node) errors.InvalidEach(path.Child("nodeName"), node, Formats.DnsSubdomain(node));
        if (endpoint.Count("deprecatedTopology") > 16) errors.TooMany(path.Child("deprecatedTopology"), endpoint.Count("deprecatedTopology"), 16);
        LabelRules.Validate(endpoint.Object("deprecatedTopology"), path.Child("deprecatedTopology"), errors);
        if (endpoint.TextOrNull("hostname") is { } hostname) errors.InvalidEach(path.Child("hostname"), hostname, Formats.DnsLabel(hostname));
        if (Hints(endpoint, "forZones", path, Formats.LabelValue, errors)) Hints(endpoint, "forNodes", path, Formats.DnsSubdomain, errors);
    }

    private static void Address(string address, string type, FieldPath list, FieldPath path, FieldErrors errors)
    {
        var before = errors.Count;
        switch (type)
        {
            case "IPv4":
                IpRules.LegacyIp(errors, path, address);
                if (errors.Count > before) break;
                if (!IpText.IsV4(address)) errors.Invalid(list, address, "must be an IPv4 address");
                IpRules.EndpointIp(errors, path, address);
                break;
            case "IPv6":
                IpRules.StrictIp(errors, path, address);
                if (errors.Count > before) break;
                if (!IpText.IsV6(address)) errors.Invalid(list, address, "must be an IPv6 address");
                IpRules.EndpointIp(errors, path, address);
                break;
            case "FQDN":
                FullyQualifiedDomain(address, path, errors);
                break;
        }
    }

    private static void FullyQualifiedDomain(string name, FieldPath path, FieldErrors errors)
    {
        if (name.Length == 0)
        {
            errors.Required(path);
            return;
        }

        if (name.EndsWith('.')) name = name[..^1];
        if (Formats.DnsSubdomain(name) is { Count: > 0 } complaints)
        {
            errors.Invalid(path, name, string.Join(",", complaints));
            return;
        }

        if (!name.Contains('.'))
        {
            errors.Invalid(path, name, "should be a domain with at least two segments separated by dots");
            return;
        }

        foreach (var label in name.Split('.'))
            if (Formats.DnsLabel(label) is { Count: > 0 } wrong) errors.Invalid(path, label, string.Join(",", wrong));
    }

    /// <returns>False: too many to look on.</returns>
    private static bool Hints(JsonObject endpoint, string list, FieldPath path, Func<string, IReadOnlyList<string>> rule, FieldErrors errors)
    {
        var (hints, at, seen) = (endpoint.Object("hints"), path.Child("hints", list), new HashSet<string>(StringComparer.Ordinal));
        if (hints.Count(list) > 8)
        {
            errors.TooMany(at, hints.Count(list), 8);
            return false;
        }

        foreach (var (index, hint) in hints.Items(list))
        {
            if (!seen.Add(hint.Text("name"))) errors.Duplicate(at.Index(index).Child("name"), hint.Text("name"));
            errors.InvalidEach(at.Index(index).Child("name"), hint.Text("name"), rule(hint.Text("name")));
        }

        return true;
    }
}
