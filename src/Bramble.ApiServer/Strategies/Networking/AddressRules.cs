using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of IPAddresses and ServiceCIDRs.</summary>
internal static class AddressRules
{
    private static readonly FieldPath CidrsPath = FieldPath.Spec.Child("cidrs");

    public static IReadOnlyList<string> Name(string name)
    {
        var errors = new FieldErrors();
        IpRules.StrictIp(errors, FieldPath.Of("name"), name);
        return [.. errors.Select(error => error.Detail)];
    }

    public static void ValidateAddress(JsonObject address, FieldErrors errors)
    {
        var path = FieldPath.Spec.Child("parentRef");
        if (address.Object("spec").Object("parentRef") is not { } parent)
        {
            errors.Required(path);
            return;
        }

        if (parent.Text("group") is { Length: > 0 } group) errors.InvalidEach(path.Child("group"), group, Formats.DnsSubdomain(group));
        foreach (var field in (ReadOnlySpan<string>)["resource", "name"])
        {
            if (parent.Text(field) is { Length: > 0 } value) errors.InvalidEach(path.Child(field), value, Names.PathSegment(value));
            else errors.Required(path.Child(field));
        }

        if (parent.Text("namespace") is { Length: > 0 } ns) errors.InvalidEach(path.Child("namespace"), ns, Names.PathSegment(ns));
    }

    public static void ValidateAddressUpdate(JsonObject address, JsonObject old, FieldErrors errors) => ImmutableRules.Field(
        address.Object("spec"),
        old.Object("spec"),
        "parentRef",
        FieldPath.Spec.Child("parentRef"),
        errors,
        parent => parent is JsonObject reference ? GoStruct.Show(reference, ("Group", ""), ("Resource", ""), ("Namespace", ""), ("Name", "")) : null);

    public static void ValidateCidrs(JsonObject range, FieldErrors errors)
    {
        var (spec, cidrs) = (range.Object("spec"), range.Object("spec").Texts("cidrs").ToList());
        if (cidrs.Count == 0)
        {
            errors.Required(CidrsPath, "at least one CIDR required");
            return;
        }

        if (cidrs.Count > 2)
        {
            errors.Invalid(CidrsPath, new JsonObject { ["CIDRs"] = spec!["cidrs"]!.DeepClone() }, "may only hold up to 2 values");
            return;
        }

        for (var i = 0; i < cidrs.Count; i++) IpRules.StrictCidr(errors, CidrsPath.Index(i), cidrs[i]);
        if (cidrs.Count == 2 && IpText.ParseCidr(cidrs[0]) is { } one && IpText.ParseCidr(cidrs[1]) is { } other && one.Address.AddressFamily == other.Address.AddressFamily)
            errors.Invalid(CidrsPath, spec!["cidrs"]!.DeepClone(), "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64");
    }

    public static void ValidateCidrsUpdate(JsonObject range, JsonObject old, FieldErrors errors)
    {
        var (now, then) = (range.Object("spec").Texts("cidrs").ToList(), old.Object("spec").Texts("cidrs").ToList());
        if (now.Count == then.Count)
        {
            for (var i = 0; i < now.Count; i++)
                if (now[i] != then[i]) errors.Invalid(CidrsPath.Index(i), now[i], ImmutableRules.Message);
        }
        else if (then.Count == 1 && now.Count == 2)
        {
            // Single stack becomes dual stack.
            if (now[0] != then[0]) errors.Invalid(CidrsPath.Index(0), now[0], ImmutableRules.Message);
            ValidateCidrs(range, errors);
        }
        else
        {
            errors.Invalid(CidrsPath, range.Object("spec")!["cidrs"]?.DeepClone(), ImmutableRules.Message);
        }
    }
}
