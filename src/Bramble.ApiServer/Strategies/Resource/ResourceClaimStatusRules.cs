using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What a claim's status may say: what was allocated, for whom it is reserved, how its devices are.</summary>
internal static class ResourceClaimStatusRules
{
    private const int DataBytesMax = 10 * 1024;
    private static readonly FieldPath AllocationPath = FieldPath.Status.Child("allocation");

    /// <summary>What is told of devices that are no longer allocated goes with the allocation.</summary>
    public static void DropDeallocated(JsonObject claim, JsonObject old)
    {
        var (status, gone) = (claim.Object("status"), Allocated(old.Object("status").Object("allocation")));
        gone.ExceptWith(Allocated(status.Object("allocation")));
        if (gone.Count == 0 || status.Array("devices") is not { } devices) return;
        for (var i = devices.Count - 1; i >= 0; i--)
            if (devices[i] is JsonObject device && gone.Contains(IdOf(device))) devices.RemoveAt(i);
        if (devices.Count == 0) status!.Remove("devices");
    }

    private static (string Driver, string Pool, string Device, string Share) IdOf(JsonObject device) =>
        (device.Text("driver"), device.Text("pool"), device.Text("device"), device.Text("shareID"));

    private static JsonObject Shown(JsonObject device) =>
        new() { ["Driver"] = device.Text("driver"), ["Pool"] = device.Text("pool"), ["Device"] = device.Text("device"), ["ShareID"] = device.Text("shareID") };

    private static HashSet<(string, string, string, string)> Allocated(JsonObject? allocation)
    {
        var ids = new HashSet<(string, string, string, string)>();
        foreach (var (_, result) in allocation.Object("devices").Items("results")) ids.Add(IdOf(result));
        return ids;
    }

    public static void ValidateUpdate(JsonObject claim, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        var (status, before) = (claim.Object("status") ?? [], old.Object("status") ?? []);
        var (allocation, was) = (status.Object("allocation"), before.Object("allocation"));
        AdminAccess(allocation, was, claim.ObjectNamespace(), context, errors);
        ClaimStatusAccess.Check(claim, status, before, errors, context);
        Consumers(status, errors);
        Devices(status, Allocated(allocation), errors);
        if (status.Count("reservedFor") > 0)
        {
            if (allocation is null) errors.Forbidden(FieldPath.Status.Child("reservedFor"), "may not be specified when `allocated` is not set");
            else if (claim.Object("metadata").Has("deletionTimestamp") && HasNewConsumer(status, before))
                errors.Forbidden(FieldPath.Status.Child("reservedFor"), "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set");
        }

        if (allocation is null) return;
        if (was is null) Allocation(allocation, new RequestNames(claim.Object("spec").Object("devices")), errors);
        else if (!TreeEquality.Same(allocation, was)) errors.Invalid(AllocationPath, InternalStruct.Show(allocation, "resource.v1.AllocationResult"), ImmutableRules.Message);
    }

    private static void AdminAccess(JsonObject? allocation, JsonObject? was, string ns, StrategyContext context, FieldErrors errors)
    {
        if (FirstAdmin(was) is not null || FirstAdmin(allocation) is not { } index || ClaimSpecRules.IsAdminNamespace(ns, context)) return;
        errors.Forbidden(AllocationPath.Child("devices", "results").Index(index).Child("adminAccess"), ClaimSpecRules.AdminRefusal);
    }

    private static int? FirstAdmin(JsonObject? allocation)
    {
        foreach (var (index, result) in allocation.Object("devices").Items("results"))
            if (result.Bool("adminAccess")) return index;
        return null;
    }

    private static void Consumers(JsonObject status, FieldErrors errors)
    {
        var path = FieldPath.Status.Child("reservedFor");
        if (DeviceRules.IsTooLong(status, "reservedFor", 256, path, errors)) return;
        foreach (var (index, consumer) in status.Items("reservedFor"))
            foreach (var name in (ReadOnlySpan<string>)["resource", "name", "uid"])
                if (consumer.Text(name).Length == 0) errors.Required(path.Index(index).Child(name));
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, consumer) in status.Items("reservedFor"))
            if (!seen.Add(consumer.Text("uid"))) errors.Duplicate(path.Index(index), consumer.Text("uid"));
    }

    private static bool HasNewConsumer(JsonObject status, JsonObject before)
    {
        foreach (var (_, consumer) in status.Items("reservedFor"))
        {
            var isKnown = false;
            foreach (var (_, known) in before.Items("reservedFor")) isKnown |= TreeEquality.Same(consumer, known);
            if (!isKnown) return true;
        }

        return false;
    }

    private static void Devices(JsonObject status, HashSet<(string, string, string, string)> allocated, FieldErrors errors)
    {
        var path = FieldPath.Status.Child("devices");
        foreach (var (index, device) in status.Items("devices"))
        {
            var at = path.Index(index);
            DeviceNameRules.Driver(device.Text("driver"), at.Child("driver"), errors);
            DeviceNameRules.Pool(device.Text("pool"), at.Child("pool"), errors);
            DeviceNameRules.Label(device.Text("device"), at.Child("device"), errors);
            DeviceNameRules.ShareId(device, at, errors);
            if (!allocated.Contains(IdOf(device))) errors.Invalid(at, Shown(device), "must be an allocated device in the claim");
            if (device.Count("conditions") > 8) errors.TooMany(at.Child("conditions"), device.Count("conditions"), 8);
            ConditionRules.Validate(device, at.Child("conditions"), errors);
            if (device.Has("data")) DeviceRules.RawObject(device, "data", DataBytesMax, isStored: false, at.Child("data"), errors);
            Network(device.Object("networkData"), at.Child("networkData"), errors);
        }

        var seen = new HashSet<(string, string, string, string)>();
        foreach (var (index, device) in status.Items("devices"))
            if (!seen.Add(IdOf(device))) errors.Duplicate(path.Index(index), Shown(device));
    }

    private static void Network(JsonObject? network, FieldPath path, FieldErrors errors)
    {
        foreach (var (name, max) in (ReadOnlySpan<(string, int)>)[("interfaceName", 256), ("hardwareAddress", 128)])
            if (Encoding.UTF8.GetByteCount(network.Text(name)) > max) errors.TooLong(path.Child(name), max);
        var at = path.Child("ips");
        if (DeviceRules.IsTooLong(network, "ips", 16, at, errors)) return;
        var (addresses, seen) = (network.Texts("ips").ToList(), new HashSet<string>(StringComparer.Ordinal));
        for (var i = 0; i < addresses.Count; i++) IpRules.InterfaceAddress(errors, at.Index(i), addresses[i]);
        for (var i = 0; i < addresses.Count; i++)
            if (!seen.Add(addresses[i])) errors.Duplicate(at.Index(i), addresses[i]);
    }

    private static void Allocation(JsonObject allocation, RequestNames names, FieldErrors errors)
    {
        var (devices, path) = (allocation.Object("devices"), AllocationPath.Child("devices"));
        if (!DeviceRules.IsTooLong(devices, "results", DeviceRules.ListMax, path.Child("results"), errors))
            foreach (var (index, result) in devices.Items("results")) Result(result, names, path.Child("results").Index(index), errors);
        // Of the class and of the claim.
        if (!DeviceRules.IsTooLong(devices, "config", 2 * DeviceRules.ListMax, path.Child("config"), errors))
            foreach (var (index, configuration) in devices.Items("config"))
            {
                var at = path.Child("config").Index(index);
                EnumRules.Required(configuration, "source", at, errors, "FromClaim", "FromClass");
                ClaimSpecRules.RequestList(configuration, names, at.Child("requests"), errors);
                DeviceRules.Configuration(configuration, isStored: false, at, errors);
            }

        if (allocation.Object("nodeSelector") is { } selector) AffinityRules.NodeSelector(selector, AllocationPath.Child("nodeSelector"), errors);
    }

    private static void Result(JsonObject result, RequestNames names, FieldPath path, FieldErrors errors)
    {
        names.Validate(result.Text("request"), path.Child("request"), errors);
        DeviceNameRules.Driver(result.Text("driver"), path.Child("driver"), errors);
        DeviceNameRules.Pool(result.Text("pool"), path.Child("pool"), errors);
        DeviceNameRules.Label(result.Text("device"), path.Child("device"), errors);
        DeviceRules.BindingConditions(result, path, errors);
        DeviceNameRules.ShareId(result, path, errors);
    }
}
