using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of ResourceSlices: a part of a driver's pool of devices, and which nodes reach it.</summary>
internal static class ResourceSliceRules
{
    private const int DevicesMax = 128;
    private const int AdvancedDevicesMax = 64;
    private static readonly string[] Advanced = ["taints", "consumesCounters"];

    public static void Validate(JsonObject slice, JsonObject? old, FieldErrors errors)
    {
        var (spec, before, path) = (slice.Object("spec") ?? [], old.Object("spec"), FieldPath.Spec);
        DeviceNameRules.Driver(spec.Text("driver"), path.Child("driver"), errors);
        Pool(spec.Object("pool") ?? [], path.Child("pool"), errors);
        if (before is not null)
        {
            ImmutableRules.Field(spec.Object("pool"), before.Object("pool"), "name", path.Child("pool", "name"), errors);
            ImmutableRules.Field(spec, before, "driver", path.Child("driver"), errors);
            ImmutableRules.Field(spec, before, "nodeName", path.Child("nodeName"), errors);
        }

        Nodes(spec, path, errors);
        if (spec.Has("sharedCounters") && spec.Has("devices")) errors.Invalid(path, "", "only one of `sharedCounters` or `devices` is allowed");
        Devices(spec, before, path.Child("devices"), errors);
        Counters(spec, path.Child("sharedCounters"), errors);
    }

    private static void Pool(JsonObject pool, FieldPath path, FieldErrors errors)
    {
        DeviceNameRules.Pool(pool.Text("name"), path.Child("name"), errors);
        NumberRules.MustBePositive(pool.Long("resourceSliceCount"), path.Child("resourceSliceCount"), errors);
        if (pool.Long("generation") < 0) errors.Invalid(path.Child("generation"), pool.Long("generation"), "must be greater than or equal to zero");
    }

    private static void Nodes(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        const string one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
        var set = new List<string>();
        if (spec.TextOrNull("nodeName") is { } node)
        {
            if (node.Length == 0) errors.Invalid(path.Child("nodeName"), node, "must be either unset or set to a non-empty string");
            else set.Add("`nodeName`");
            if (node.Length > 0) errors.InvalidEach(path.Child("nodeName"), node, Formats.DnsSubdomain(node));
        }

        if (spec.Object("nodeSelector") is { } selector)
        {
            set.Add("`nodeSelector`");
            AffinityRules.NodeSelector(selector, path.Child("nodeSelector"), errors);
            if (selector.Count("nodeSelectorTerms") != 1)
                errors.Invalid(path.Child("nodeSelector", "nodeSelectorTerms"), InternalStruct.Show(selector, "core.v1.NodeSelector")?["NodeSelectorTerms"]?.DeepClone(), "must have exactly one node selector term");
        }

        foreach (var name in (ReadOnlySpan<string>)["allNodes", "perDeviceNodeSelection"])
        {
            if (spec.BoolOrNull(name) is not { } isOn) continue;
            if (isOn) set.Add($"`{name}`");
            else errors.Invalid(path.Child(name), false, "must be either unset or set to true");
        }

        if (set.Count == 0) errors.Required(path, one);
        else if (set.Count > 1) errors.Invalid(path, $"{{{string.Join(", ", set)}}}", one + ", but multiple fields are set");
    }

    private static void Devices(JsonObject spec, JsonObject? before, FieldPath path, FieldErrors errors)
    {
        var isAdvanced = false;
        foreach (var (_, device) in spec.Items("devices")) isAdvanced |= Advanced.Any(list => device.Count(list) > 0);
        if (DeviceRules.IsTooLong(spec, "devices", isAdvanced ? AdvancedDevicesMax : DevicesMax, path, errors)) return;
        foreach (var (index, device) in spec.Items("devices")) SliceDeviceRules.Validate(device, Named(before, device.Text("name")), spec.Bool("perDeviceNodeSelection"), path.Index(index), errors);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, device) in spec.Items("devices"))
            if (!seen.Add(device.Text("name"))) errors.Duplicate(path.Index(index), device.Text("name"));
    }

    private static JsonObject? Named(JsonObject? spec, string name)
    {
        foreach (var (_, device) in spec.Items("devices"))
            if (device.Text("name") == name) return device;
        return null;
    }

    private static void Counters(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (DeviceRules.IsTooLong(spec, "sharedCounters", 8, path, errors)) return;
        foreach (var (index, set) in spec.Items("sharedCounters")) CounterSet(set, "name", path.Index(index), errors);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, set) in spec.Items("sharedCounters"))
            if (!seen.Add(set.Text("name"))) errors.Duplicate(path.Index(index), set.Text("name"));
    }

    /// <param name="name">The field with the name of the set: where counters are made, and where a device consumes them.</param>
    public static void CounterSet(JsonObject set, string name, FieldPath path, FieldErrors errors)
    {
        if (set.Text(name) is { Length: > 0 } text) DeviceNameRules.Label(text, path.Child(name), errors);
        else errors.Required(path.Child(name));
        var at = path.Child("counters");
        if (set.Count("counters") == 0) errors.Required(at);
        else if (!DeviceRules.IsTooLong(set, "counters", 32, at, errors))
            foreach (var (counter, _) in set.Object("counters") ?? []) DeviceNameRules.Label(counter, at, errors);
    }
}
