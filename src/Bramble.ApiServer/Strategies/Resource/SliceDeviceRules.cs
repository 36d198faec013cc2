using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>One device of a ResourceSlice.</summary>
internal static partial class SliceDeviceRules
{
    private const int ValueBytesMax = 64;
    private static readonly string[] Kinds = ["int", "bool", "string", "version"];

    /// <param name="before">The device of that name in the old slice.</param>
    public static void Validate(JsonObject device, JsonObject? before, bool hasOwnNodes, FieldPath path, FieldErrors errors)
    {
        DeviceNameRules.Label(device.Text("name"), path.Child("name"), errors);
        var (attributes, capacities) = (device.Count("attributes"), device.Count("capacity"));
        if (attributes + capacities > 32) errors.Invalid(path, attributes + capacities, "the total number of attributes and capacities must not exceed 32");
        if (attributes > 48) errors.Invalid(path, attributes, "the total number of attribute values must not exceed 48");
        foreach (var (name, attribute) in device.Object("attributes") ?? [])
        {
            DeviceNameRules.Qualified(name, path.Child("attributes"), errors);
            Attribute(attribute as JsonObject ?? [], path.Child("attributes").Key(DeviceNameRules.Shown(name)), errors);
        }

        foreach (var (name, capacity) in device.Object("capacity") ?? [])
        {
            DeviceNameRules.Qualified(name, path.Child("capacity"), errors);
            Capacity(capacity as JsonObject ?? [], device.Bool("allowMultipleAllocations"), path.Child("capacity").Key(DeviceNameRules.Shown(name)), errors);
        }

        if ((before is null || device.Differs(before, "taints")) && !DeviceRules.IsTooLong(device, "taints", 16, path.Child("taints"), errors))
            foreach (var (index, taint) in device.Items("taints")) DeviceRules.Taint(taint, path.Child("taints").Index(index), errors);
        Consumption(device, path.Child("consumesCounters"), errors);
        if (hasOwnNodes) Nodes(device, path, errors);
        else if (device.Has("nodeName") || device.Has("nodeSelector") || device.Has("allNodes"))
            errors.Invalid(path, null, "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec");
        DeviceRules.BindingConditions(device, path, errors);
    }

    private static void Attribute(JsonObject attribute, FieldPath path, FieldErrors errors)
    {
        if (attribute.TextOrNull("string") is { } text) Length(text, path.Child("string"), errors);
        if (attribute.TextOrNull("version") is { } version)
        {
            if (!SemanticVersion().IsMatch(version)) errors.Invalid(path.Child("version"), version, "must be a string compatible with semver.org spec 2.0.0");
            Length(version, path.Child("version"), errors);
        }

        var count = Kinds.Count(kind => attribute.Has(kind));
        if (count == 0) errors.Invalid(path, "", "exactly one value must be specified");
        else if (count > 1) errors.Invalid(path, InternalStruct.Show(attribute, "resource.v1.DeviceAttribute"), "exactly one value must be specified");
    }

    private static void Length(string text, FieldPath path, FieldErrors errors)
    {
        if (Encoding.UTF8.GetByteCount(text) > ValueBytesMax) errors.TooLong(path, ValueBytesMax);
    }

    private static void Capacity(JsonObject capacity, bool isShared, FieldPath path, FieldErrors errors)
    {
        if (capacity.Object("requestPolicy") is not { } policy) return;
        if (isShared) RequestPolicyRules.Validate(policy, ResourceRules.Amount(capacity, "value") ?? default, path.Child("requestPolicy"), errors);
        else errors.Forbidden(path.Child("requestPolicy"), "allowMultipleAllocations must be true");
    }

    private static void Consumption(JsonObject device, FieldPath path, FieldErrors errors)
    {
        if (DeviceRules.IsTooLong(device, "consumesCounters", 2, path, errors)) return;
        foreach (var (index, set) in device.Items("consumesCounters")) ResourceSliceRules.CounterSet(set, "counterSet", path.Index(index), errors);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, set) in device.Items("consumesCounters"))
            if (!seen.Add(set.Text("counterSet"))) errors.Duplicate(path.Index(index), set.Text("counterSet"));
    }

    private static void Nodes(JsonObject device, FieldPath path, FieldErrors errors)
    {
        const string one = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
        var set = new List<string>();
        if (device.TextOrNull("nodeName") is { } node)
        {
            if (node.Length == 0) errors.Invalid(path.Child("nodeName"), node, "must not be empty");
            else set.Add("`nodeName`");
            if (node.Length > 0) errors.InvalidEach(path.Child("nodeName"), node, Formats.DnsSubdomain(node));
        }

        if (device.Object("nodeSelector") is { } selector)
        {
            set.Add("`nodeSelector`");
            AffinityRules.NodeSelector(selector, path.Child("nodeSelector"), errors);
        }

        if (device.BoolOrNull("allNodes") is { } all)
        {
            if (all) set.Add("`allNodes`");
            else errors.Invalid(path.Child("allNodes"), false, "must be either unset or set to true");
        }

        if (set.Count == 0) errors.Required(path, one);
        else if (set.Count > 1) errors.Invalid(path, $"{{{string.Join(", ", set)}}}", one);
    }

    [GeneratedRegex(@"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$")]
    private static partial Regex SemanticVersion();
}
