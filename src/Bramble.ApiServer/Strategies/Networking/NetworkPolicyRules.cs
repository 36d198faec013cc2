using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of NetworkPolicies.</summary>
internal static class NetworkPolicyRules
{
    private static readonly (string List, string Peers)[] Directions = [("ingress", "from"), ("egress", "to")];

    public static void Validate(JsonObject policy, JsonObject? old, FieldErrors errors)
    {
        var (spec, path) = (policy.Object("spec") ?? [], FieldPath.Spec);
        var known = Cidrs(old).Select(cidr => cidr.Cidr).ToHashSet(StringComparer.Ordinal);
        SelectorRules.Validate(spec.Object("podSelector"), path.Child("podSelector"), errors);
        foreach (var (list, peers) in Directions)
        {
            foreach (var (index, rule) in spec.Items(list))
            {
                var at = path.Child(list).Index(index);
                foreach (var (position, port) in rule.Items("ports")) Port(port, at.Child("ports").Index(position), errors);
                foreach (var (position, peer) in rule.Items(peers)) Peer(peer, known, at.Child(peers).Index(position), errors);
            }
        }

        if (spec.Count("policyTypes") > 2)
        {
            errors.Invalid(path.Child("policyTypes"), spec["policyTypes"]!.DeepClone(), "may not specify more than two policyTypes");
            return;
        }

        var number = 0;
        foreach (var type in spec.Texts("policyTypes"))
        {
            if (type is not ("Ingress" or "Egress")) errors.NotSupported(path.Child("policyTypes").Index(number), type, ["Ingress", "Egress"]);
            number++;
        }
    }

    private static void Port(JsonObject port, FieldPath path, FieldErrors errors)
    {
        if (port.TextOrNull("protocol") is { } protocol and not ("TCP" or "UDP" or "SCTP")) errors.NotSupported(path.Child("protocol"), protocol, ["TCP", "UDP", "SCTP"]);
        var end = port.LongOrNull("endPort");
        if (!port.Has("port"))
        {
            if (end is not null) errors.Invalid(path.Child("endPort"), end.Value, "may not be specified when `port` is not specified");
        }
        else if (port.TextOrNull("port") is { } name)
        {
            if (end is not null) errors.Invalid(path.Child("endPort"), end.Value, "may not be specified when `port` is non-numeric");
            errors.InvalidEach(path.Child("port"), name, Formats.PortName(name));
        }
        else
        {
            var number = port.Long("port");
            errors.InvalidEach(path.Child("port"), number, Formats.PortNumber(number));
            if (end is null) return;
            if (end < number) errors.Invalid(path.Child("endPort"), number, "must be greater than or equal to `port`");
            errors.InvalidEach(path.Child("endPort"), end.Value, Formats.PortNumber(end.Value));
        }
    }

    private static void Peer(JsonObject peer, HashSet<string> known, FieldPath path, FieldErrors errors)
    {
        var count = 0;
        foreach (var selector in (ReadOnlySpan<string>)["podSelector", "namespaceSelector"])
        {
            if (!peer.Has(selector)) continue;
            count++;
            SelectorRules.Validate(peer.Object(selector), path.Child(selector), errors);
        }

        if (peer.Object("ipBlock") is { } block)
        {
            count++;
            IpBlock(block, known, path.Child("ipBlock"), errors);
        }

        if (count == 0) errors.Required(path, "must specify a peer");
        else if (count > 1 && peer.Has("ipBlock")) errors.Forbidden(path, "may not specify both ipBlock and another peer");
    }

    private static void IpBlock(JsonObject block, HashSet<string> known, FieldPath path, FieldErrors errors)
    {
        if (block.Text("cidr") is not { Length: > 0 } cidr)
        {
            errors.Required(path.Child("cidr"));
            return;
        }

        IpRules.LegacyCidr(errors, path.Child("cidr"), cidr, known);
        if (IpText.ParseCidr(cidr) is not { } outer) return;
        var index = 0;
        foreach (var except in block.Texts("except"))
        {
            var at = path.Child("except").Index(index++);
            IpRules.LegacyCidr(errors, at, except, known);
            if (IpText.ParseCidr(except) is not { } inner) continue;
            var isInside = inner.Address.AddressFamily == outer.Address.AddressFamily && IpText.Masked(inner.Address, outer.Length).Equals(IpText.Masked(outer.Address, outer.Length));
            if (!isInside || outer.Length >= inner.Length) errors.Invalid(at, except, "must be a strict subset of `cidr`");
        }
    }

    private static List<(FieldPath Path, string Cidr)> Cidrs(JsonObject? policy)
    {
        var cidrs = new List<(FieldPath, string)>();
        foreach (var (list, peers) in Directions)
        {
            foreach (var (index, rule) in policy.Object("spec").Items(list))
            {
                foreach (var (position, peer) in rule.Items(peers))
                {
                    if (peer.Object("ipBlock") is not { } block) continue;
                    var (at, number) = (FieldPath.Spec.Child(list).Index(index).Child(peers).Index(position).Child("ipBlock"), 0);
                    cidrs.Add((at.Child("cidr"), block.Text("cidr")));
                    foreach (var except in block.Texts("except")) cidrs.Add((at.Child("except").Index(number++), except));
                }
            }
        }

        return cidrs;
    }

    public static IEnumerable<string> Warnings(JsonObject policy) => Cidrs(policy).SelectMany(cidr => IpRules.CidrWarnings(cidr.Path, cidr.Cidr));
}
