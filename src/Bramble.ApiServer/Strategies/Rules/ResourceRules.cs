using System.Numerics;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Quantities;

namespace Bramble.ApiServer.Strategies;

/// <summary>Names and amounts of resources.</summary>
internal static class ResourceRules
{
    private static readonly string[] Standard =
    [
        "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage",
        "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims", "storage", "requests.storage",
        "services.nodeports", "services.loadbalancers",
    ];

    private static readonly string[] Integers =
    [
        "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
    ];

    /// <summary>The quantity under a name; null when absent.</summary>
    public static Quantity? Amount(JsonObject? tree, string name)
    {
        if (tree is null || !tree.TryGetPropertyValue(name, out var node) || node is null) return null;
        return Quantity.TryParse(node.AsText() ?? node.ToJsonString(), out var quantity, out _) ? quantity : null;
    }

    public static bool IsHugePages(string name) => name.StartsWith("hugepages-", StringComparison.Ordinal);

    public static bool IsStandard(string name) => Standard.Contains(name) || IsHugePages(name) || name.StartsWith("requests.hugepages-", StringComparison.Ordinal);

    public static bool AllowsOvercommit(string name) => Formats.IsNativeResource(name) && !IsHugePages(name);

    public static void Name(string name, FieldPath path, FieldErrors errors)
    {
        if (Formats.LabelKey(name) is { Count: > 0 } complaints) errors.InvalidEach(path, name, complaints);
        else if (!name.Contains('/') && !IsStandard(name)) errors.Invalid(path, name, "must be a standard resource type or fully qualified");
    }

    public static void ContainerName(string name, FieldPath path, FieldErrors errors)
    {
        Name(name, path, errors);
        if (!name.Contains('/'))
        {
            if (name is not ("cpu" or "memory" or "ephemeral-storage") && !IsHugePages(name)) errors.Invalid(path, name, "must be a standard resource for containers");
        }
        else if (!Formats.IsNativeResource(name) && !Formats.IsExtendedResource(name))
        {
            errors.Invalid(path, name, "doesn't follow extended resource name standard");
        }
    }

    private static void PodName(string name, FieldPath path, FieldErrors errors)
    {
        var before = errors.Count;
        Name(name, path, errors);
        if (errors.Count == before && name is not ("cpu" or "memory") && !IsHugePages(name)) errors.NotSupported(path, name, ["cpu", "hugepages-", "memory"]);
    }

    /// <summary>Not negative, said in units (upstream's validateBasicResource).</summary>
    public static void Basic(Quantity? amount, FieldPath path, FieldErrors errors)
    {
        if (amount is { Sign: < 0 } negative) errors.Invalid(path, negative.ToUnits(), "must be a valid resource quantity");
    }

    /// <summary>Not negative; whole numbers where only those make sense.</summary>
    public static void Value(string resource, Quantity value, FieldPath path, FieldErrors errors)
    {
        if (value.Sign < 0) errors.Invalid(path, value.ToString(), NumberRules.NotNegative);
        if ((Integers.Contains(resource) || Formats.IsExtendedResource(resource)) && value.Nanos % 1_000_000_000 != 0) errors.Invalid(path, value.ToString(), "must be an integer");
    }

    public static void ContainerRequirements(JsonObject? resources, HashSet<string> claims, FieldPath path, FieldErrors errors) =>
        Requirements(resources, claims, path, errors, ContainerName);

    public static void PodRequirements(JsonObject? resources, FieldPath path, FieldErrors errors) => Requirements(resources, [], path, errors, PodName);

    private static void Requirements(JsonObject? resources, HashSet<string> claims, FieldPath path, FieldErrors errors, Action<string, FieldPath, FieldErrors> nameRule)
    {
        if (resources is null || resources.Count == 0) return;
        var (limits, requests) = (resources.Object("limits"), resources.Object("requests"));
        var (hasHugePages, hasCompute) = (false, false);
        foreach (var (name, _) in limits ?? [])
        {
            var (at, amount) = (path.Child("limits").Key(name), Amount(limits, name) ?? default);
            nameRule(name, at, errors);
            Value(name, amount, at, errors);
            hasHugePages |= HugePages(name, amount, at, errors);
            hasCompute |= name is "cpu" or "memory";
        }

        foreach (var (name, _) in requests ?? [])
        {
            var (at, amount) = (path.Child("requests").Key(name), Amount(requests, name) ?? default);
            nameRule(name, at, errors);
            Value(name, amount, at, errors);
            if (Amount(limits, name) is { } limit)
            {
                if (amount != limit && !AllowsOvercommit(name)) errors.Invalid(path.Child("requests"), amount.ToString(), $"must be equal to {name} limit of {limit}");
                else if (amount > limit) errors.Invalid(path.Child("requests"), amount.ToString(), $"must be less than or equal to {name} limit of {limit}");
            }
            else if (!AllowsOvercommit(name))
            {
                errors.Required(path.Child("limits"), "Limit must be set for non overcommitable resources");
            }

            hasHugePages |= HugePages(name, amount, at, errors);
            hasCompute |= name is "cpu" or "memory";
        }

        if (hasHugePages && !hasCompute) errors.Forbidden(path, "HugePages require cpu or memory");
        Claims(resources, claims, path.Child("claims"), errors);
    }

    private static bool HugePages(string name, Quantity amount, FieldPath path, FieldErrors errors)
    {
        if (!IsHugePages(name)) return false;
        var isDivisible = Quantity.TryParse(name["hugepages-".Length..], out var size, out _) && size.Sign > 0 && amount.Nanos % size.Nanos == BigInteger.Zero;
        if (!isDivisible) errors.Invalid(path, amount.ToString(), $"{amount} is not positive integer multiple of {name}");
        return true;
    }

    private static void Claims(JsonObject resources, HashSet<string> podClaims, FieldPath path, FieldErrors errors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, claim) in resources.Items("claims"))
        {
            var (name, request, at) = (claim.Text("name"), claim.Text("request"), path.Index(index));
            if (name.Length == 0)
            {
                errors.Required(at);
                continue;
            }

            if (names.Contains(name))
            {
                errors.Duplicate(at, name);
            }
            else
            {
                if (request.Length > 0) errors.InvalidEach(at.Child("request"), request, Formats.DnsLabel(request));
                var key = request.Length > 0 ? $"{name}/{request}" : name;
                if (names.Contains(key)) errors.Duplicate(at, key);
                else if (request.Length == 0 && names.Any(known => known.StartsWith(name + "/", StringComparison.Ordinal))) errors.Duplicate(at, name);
                names.Add(key);
            }

            if (podClaims.Contains(name)) continue;
            var known = podClaims.Count == 0 ? " which is empty" : ": " + string.Join(", ", podClaims.Order(StringComparer.Ordinal));
            errors.Add(new(FieldErrorType.NotFound, at, FieldError.Quote(name), $"must be one of the names in pod.spec.resourceClaims{known}"));
        }
    }
}
