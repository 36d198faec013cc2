using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy of a Service agree (upstream's ValidateServiceClusterIPsRelatedFields and what may change later).</summary>
internal static class ServiceIpRules
{
    private static readonly FieldPath IpsPath = FieldPath.Spec.Child("clusterIPs");
    private static readonly FieldPath FamiliesPath = FieldPath.Spec.Child("ipFamilies");
    private static readonly FieldPath PolicyPath = FieldPath.Spec.Child("ipFamilyPolicy");
    private static readonly string[] Families = ["IPv4", "IPv6"];
    private static readonly string[] Policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];

    public static void Validate(JsonObject spec, JsonObject? before, FieldErrors errors)
    {
        if (!ServiceFields.NeedsClusterIp(spec)) return;
        var ips = spec.Texts("clusterIPs").ToList();
        if (spec.Text("clusterIP") is { Length: > 0 } first)
        {
            if (ips.Count == 0) errors.Required(IpsPath);
            else if (ips[0] != first) errors.Invalid(IpsPath, spec["clusterIPs"], "first value must match `clusterIP`");
        }
        else if (ips.Count > 0)
        {
            errors.Invalid(IpsPath, spec["clusterIPs"], "must be empty when `clusterIP` is not specified");
        }

        var families = spec.Texts("ipFamilies").ToList();
        for (var i = 0; i < families.Count; i++)
        {
            if (!Families.Contains(families[i])) errors.NotSupported(FamiliesPath.Index(i), families[i], Families);
            if (families.IndexOf(families[i]) < i) errors.Duplicate(FamiliesPath.Index(i), families[i]);
        }

        if (spec.TextOrNull("ipFamilyPolicy") is { } policy && !Policies.Contains(policy)) errors.NotSupported(PolicyPath, policy, Policies);
        if (!AreAddresses(spec, ips, before, errors)) return;

        if (ips.Count > 1 && (ips.Count != 2 || IpText.IsV6(ips[0]) == IpText.IsV6(ips[1])))
            errors.Invalid(IpsPath, spec["clusterIPs"], "may specify no more than one IP for each IP family");
        if (IsHeadless(ips)) return;
        for (var i = 0; i < ips.Count && i < families.Count; i++)
        {
            if (families[i] == "IPv4" && IpText.IsV6(ips[i])) errors.Invalid(IpsPath.Index(i), ips[i], $"expected an IPv4 value as indicated by `ipFamilies[{i}]`");
            if (families[i] == "IPv6" && !IpText.IsV6(ips[i])) errors.Invalid(IpsPath.Index(i), ips[i], $"expected an IPv6 value as indicated by `ipFamilies[{i}]`");
        }
    }

    private static bool AreAddresses(JsonObject spec, List<string> ips, JsonObject? before, FieldErrors errors)
    {
        var areValid = true;
        for (var i = 0; i < ips.Count; i++)
        {
            if (i == 0 && ips[i] == "None")
            {
                if (ips.Count == 1) continue;
                areValid = false;
                errors.Invalid(IpsPath, spec["clusterIPs"], "'None' must be the first and only value");
                continue;
            }

            areValid &= IpRules.LegacyIp(errors, IpsPath.Index(i), ips[i], before.Texts("clusterIPs"));
        }

        if (ips.Count > 2) errors.Invalid(IpsPath, spec["clusterIPs"], "may only hold up to 2 values");
        return areValid;
    }

    private static bool IsHeadless(List<string> ips) => ips is ["None"];

    /// <summary>A first address or family stays; a second one comes and goes with the policy.</summary>
    public static void ValidateUpdate(JsonObject spec, JsonObject before, FieldErrors errors)
    {
        if (!ServiceFields.NeedsClusterIp(spec) || !ServiceFields.NeedsClusterIp(before)) return;
        var (ips, oldIps) = (spec.Texts("clusterIPs").ToList(), before.Texts("clusterIPs").ToList());
        var isSingle = spec.Text("ipFamilyPolicy") == "SingleStack";
        if (!IsHeadless(ips) || !IsHeadless(oldIps))
            Changes(ips, oldIps, IpsPath, spec["clusterIPs"], "primary clusterIP can not be unset", "clusterIP", isSingle, eachIndex: true, ips.Count == 0, spec, errors);
        if (IsHeadless(ips) || IsHeadless(oldIps)) return;
        Changes(
            [.. spec.Texts("ipFamilies")],
            [.. before.Texts("ipFamilies")],
            FamiliesPath,
            spec["ipFamilies"],
            "primary ipFamily can not be unset",
            "ipFamily",
            isSingle,
            eachIndex: false,
            ips.Count == 0,
            spec,
            errors);
    }

    private static void Changes(
        List<string> now,
        List<string> then,
        FieldPath path,
        JsonNode? shown,
        string unset,
        string noun,
        bool isSingle,
        bool eachIndex,
        bool isUnset,
        JsonObject spec,
        FieldErrors errors)
    {
        if (now.Count == then.Count)
        {
            for (var i = 0; i < now.Count; i++)
                if (now[i] != then[i]) errors.Invalid(path.Index(eachIndex ? i : 0), shown, "may not change once set");
            return;
        }

        // Upstream shows the addresses also where the families changed.
        if (now.Count < then.Count && isUnset) errors.Invalid(path.Index(0), shown, unset);
        if (then.Count > 0 && now.Count > 0 && now[0] != then[0]) errors.Invalid(path.Index(0), spec["clusterIPs"], "may not change once set");
        if (now.Count < then.Count && now.Count == 1 && !isSingle)
            errors.Invalid(PolicyPath, spec["ipFamilyPolicy"], $"must be set to 'SingleStack' when releasing the secondary {noun}");
    }
}
