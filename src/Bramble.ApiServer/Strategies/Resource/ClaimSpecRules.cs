using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What a ResourceClaim, or a template of one, may ask for.</summary>
internal static class ClaimSpecRules
{
    public static void Validate(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        var (claim, at) = (spec.Object("devices") ?? [], path.Child("devices"));
        var names = new RequestNames(claim);
        Requests(claim, at.Child("requests"), errors);
        if (!DeviceRules.IsTooLong(claim, "constraints", DeviceRules.ListMax, at.Child("constraints"), errors))
            foreach (var (index, constraint) in claim.Items("constraints")) Constraint(constraint, names, at.Child("constraints").Index(index), errors);
        if (DeviceRules.IsTooLong(claim, "config", DeviceRules.ListMax, at.Child("config"), errors)) return;
        foreach (var (index, configuration) in claim.Items("config"))
        {
            RequestList(configuration, names, at.Child("config").Index(index).Child("requests"), errors);
            DeviceRules.Configuration(configuration, isStored: false, at.Child("config").Index(index), errors);
        }
    }

    private static void Requests(JsonObject claim, FieldPath path, FieldErrors errors)
    {
        if (DeviceRules.IsTooLong(claim, "requests", DeviceRules.ListMax, path, errors)) return;
        foreach (var (index, request) in claim.Items("requests")) Request(request, path.Index(index), errors);
        NamesAreUnique(claim, "requests", path, errors);
    }

    private static void NamesAreUnique(JsonObject tree, string list, FieldPath path, FieldErrors errors)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, item) in tree.Items(list))
            if (!seen.Add(item.Text("name"))) errors.Duplicate(path.Index(index), item.Text("name"));
    }

    private static void Request(JsonObject request, FieldPath path, FieldErrors errors)
    {
        DeviceNameRules.Label(request.Text("name"), path.Child("name"), errors);
        var (exactly, alternatives) = (request.Object("exactly"), request.Count("firstAvailable"));
        if (exactly is null && alternatives == 0)
        {
            errors.Required(path, "exactly one of `exactly` or `firstAvailable` is required");
        }
        else if (exactly is not null && alternatives > 0)
        {
            errors.Invalid(path, null, "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set");
        }
        else if (exactly is not null)
        {
            Devices(exactly, path.Child("exactly"), errors);
        }
        else if (!DeviceRules.IsTooLong(request, "firstAvailable", 8, path.Child("firstAvailable"), errors))
        {
            foreach (var (index, alternative) in request.Items("firstAvailable"))
            {
                var at = path.Child("firstAvailable").Index(index);
                DeviceNameRules.Label(alternative.Text("name"), at.Child("name"), errors);
                Devices(alternative, at, errors);
            }

            NamesAreUnique(request, "firstAvailable", path.Child("firstAvailable"), errors);
        }
    }

    private static void Devices(JsonObject request, FieldPath path, FieldErrors errors)
    {
        if (request.Text("deviceClassName") is { Length: > 0 } @class) errors.InvalidEach(path.Child("deviceClassName"), @class, Formats.DnsSubdomain(@class));
        else errors.Required(path.Child("deviceClassName"));
        DeviceRules.Selectors(request, path.Child("selectors"), errors);
        var (mode, count) = (request.Text("allocationMode"), request.Long("count"));
        switch (mode)
        {
            case "All":
                if (count != 0) errors.Invalid(path.Child("count"), count, "must not be specified when allocationMode is 'All'");
                break;
            case "ExactCount":
                if (count <= 0) errors.Invalid(path.Child("count"), count, NumberRules.Positive);
                break;
            default:
                errors.NotSupported(path.Child("allocationMode"), mode, ["All", "ExactCount"]);
                break;
        }

        DeviceRules.Tolerations(request, path.Child("tolerations"), errors);
    }

    private static void Constraint(JsonObject constraint, RequestNames names, FieldPath path, FieldErrors errors)
    {
        RequestList(constraint, names, path.Child("requests"), errors);
        if (constraint.TextOrNull("matchAttribute") is { } match) DeviceNameRules.FullyQualified(match, path.Child("matchAttribute"), errors);
        else if (constraint.TextOrNull("distinctAttribute") is { } distinct) DeviceNameRules.FullyQualified(distinct, path.Child("distinctAttribute"), errors);
        // "but multiple fields are set" is what upstream says, though none is.
        else errors.Required(path, "exactly one of \"matchAttribute\" or \"distinctAttribute\" is required, but multiple fields are set");
    }

    /// <summary>References to the requests of a claim; none twice.</summary>
    public static void RequestList(JsonObject tree, RequestNames names, FieldPath path, FieldErrors errors)
    {
        if (DeviceRules.IsTooLong(tree, "requests", DeviceRules.ListMax, path, errors)) return;
        var (all, seen) = (tree.Texts("requests").ToList(), new HashSet<string>(StringComparer.Ordinal));
        for (var i = 0; i < all.Count; i++) names.Validate(all[i], path.Index(i), errors);
        for (var i = 0; i < all.Count; i++)
            if (!seen.Add(all[i])) errors.Duplicate(path.Index(i), all[i]);
    }

    /// <summary>Access for an administrator's diagnosis needs a namespace that is marked for it: KEP-5018.</summary>
    public static bool IsAdminNamespace(string ns, StrategyContext context) =>
        context.Reader.Find(new("", "namespaces"), new("", ns)) is { } found && JsonNode.Parse(found.Json.Span) is JsonObject tree && tree.Labels().Text(AdminLabel) == "true";

    private const string AdminLabel = "resource.kubernetes.io/admin-access";

    public const string AdminRefusal = "admin access to devices requires the `" + AdminLabel + ": true` label on the containing namespace";

    /// <param name="devices">The claim's <c>devices</c>. The path is that of a claim also where a template is meant, as upstream's is.</param>
    public static void AdminAccess(JsonObject? devices, string ns, StrategyContext context, FieldErrors errors)
    {
        foreach (var (index, request) in devices.Items("requests"))
        {
            if (!request.Object("exactly").Bool("adminAccess")) continue;
            if (!IsAdminNamespace(ns, context)) errors.Forbidden(FieldPath.Spec.Child("devices", "requests").Index(index).Child("adminAccess"), AdminRefusal);
            return;
        }
    }
}
