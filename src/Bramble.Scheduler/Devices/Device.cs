using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Quantities;

namespace Bramble.Scheduler.Devices;

/// <summary>A device by the names of its driver, its pool and itself.</summary>
internal readonly record struct DeviceId(string Driver, string Pool, string Name);

/// <summary>A device as its ResourceSlice describes it. KEP-4381. Immutable.</summary>
internal sealed class Device(DeviceId id, ResourceSlice slice, JsonObject tree)
{
    private DeviceValue? _value;

    public DeviceId Id { get; } = id;
    public ResourceSlice Slice { get; } = slice;
    public JsonObject Tree { get; } = tree;

    /// <summary>Several claims may use it at a time, each a part of its capacity.</summary>
    public bool IsShared => (bool?)Tree["allowMultipleAllocations"] == true;

    /// <summary>Conditions that its driver makes true before a Pod may be bound: KEP-5007.</summary>
    public bool HasBindingConditions => Tree["bindingConditions"] is JsonArray;

    /// <summary>Which nodes reach it: its slice says so, or each device for itself.</summary>
    public JsonObject Place => Slice.IsPerDevice ? Tree : Slice.Spec;

    /// <summary>What selectors call <c>device</c>.</summary>
    public DeviceValue Value => _value ??= new DeviceValue(this);

    /// <summary>The value of an attribute by its full name (<c>domain/name</c>); names without a domain are of the driver's.</summary>
    public JsonNode? Attribute(string fullName)
    {
        foreach (var (name, value) in Tree["attributes"] as JsonObject ?? [])
            if (name == fullName || (!name.Contains('/') && $"{Id.Driver}/{name}" == fullName)) return value;
        return null;
    }
}

/// <summary>A ResourceSlice: some devices of a pool, and the nodes that reach them.</summary>
internal sealed class ResourceSlice
{
    private ResourceSlice(JsonObject spec)
    {
        Spec = spec;
        Driver = (string?)spec["driver"] ?? "";
        Pool = (string?)spec["pool"]?["name"] ?? "";
        Generation = (long?)spec["pool"]?["generation"] ?? 0;
        SlicesOfPool = (long?)spec["pool"]?["resourceSliceCount"] ?? 1;
        IsPerDevice = (bool?)spec["perDeviceNodeSelection"] == true;
        Node = (string?)spec["nodeName"] ?? "";
        Counters = [.. (spec["sharedCounters"] as JsonArray ?? []).OfType<JsonObject>()];
        Devices = [.. (spec["devices"] as JsonArray ?? []).OfType<JsonObject>().Select(d => new Device(new(Driver, Pool, (string)d["name"]!), this, d))];
    }

    public JsonObject Spec { get; }
    public string Driver { get; }
    public string Pool { get; }
    public long Generation { get; }
    public long SlicesOfPool { get; }

    /// <summary>Each device names the nodes that reach it.</summary>
    public bool IsPerDevice { get; }

    /// <summary>The one node that reaches its devices; empty: others do.</summary>
    public string Node { get; }

    /// <summary>Sets of counters that devices of the pool share; a slice that has some has no devices.</summary>
    public IReadOnlyList<JsonObject> Counters { get; }
    public IReadOnlyList<Device> Devices { get; }

    public static ResourceSlice? Of(JsonObject tree) => tree["spec"] is JsonObject spec ? new ResourceSlice(spec) : null;
}

/// <summary>A claim's request for devices; one of several alternatives carries both names (<c>gpu/large</c>).</summary>
internal sealed class DeviceRequest(string name, string className, bool wantsAll, long count, bool isAdmin, IReadOnlyList<string> selectors, JsonArray? tolerations, JsonObject? capacity)
{
    public string Name { get; } = name;
    public string ClassName { get; } = className;
    public bool WantsAll { get; } = wantsAll;
    public long Count { get; } = count;
    public bool IsAdmin { get; } = isAdmin;
    public IReadOnlyList<string> Selectors { get; } = selectors;
    public JsonArray? Tolerations { get; } = tolerations;
    public JsonObject? Capacity { get; } = capacity;

    /// <summary>Without that of the request it is an alternative of.</summary>
    public string OwnName => Name[(Name.IndexOf('/', StringComparison.Ordinal) + 1)..];

    public static DeviceRequest Of(string name, JsonObject exactly) => new(
        name, (string?)exactly["deviceClassName"] ?? "", (string?)exactly["allocationMode"] == "All", (long?)exactly["count"] ?? 1, (bool?)exactly["adminAccess"] == true,
        [.. (exactly["selectors"] as JsonArray ?? []).Select(s => (string?)s?["cel"]?["expression"]).OfType<string>()], exactly["tolerations"] as JsonArray,
        exactly["capacity"]?["requests"] as JsonObject);
}

/// <summary>A ResourceClaim as allocation sees it. Immutable.</summary>
internal sealed class DeviceClaim
{
    private DeviceClaim(JsonObject tree)
    {
        Tree = tree;
        Namespace = (string?)tree["metadata"]?["namespace"] ?? "";
        Name = (string?)tree["metadata"]?["name"] ?? "";
        Uid = (string?)tree["metadata"]?["uid"] ?? "";
        var owner = (tree["metadata"]?["ownerReferences"] as JsonArray ?? []).OfType<JsonObject>().FirstOrDefault(o => (bool?)o["controller"] == true);
        OwnerUid = (string?)owner?["uid"];
        IsOfExtendedResources = (string?)tree["metadata"]?["annotations"]?[ExtendedResources.Annotation] == "true" && OwnerUid is not null;
        Allocation = tree["status"]?["allocation"] as JsonObject;
        Requests = [.. (tree["spec"]?["devices"]?["requests"] as JsonArray ?? []).OfType<JsonObject>().Select(Alternatives)];
        Constraints = [.. (tree["spec"]?["devices"]?["constraints"] as JsonArray ?? []).OfType<JsonObject>()];
    }

    public JsonObject Tree { get; }
    public string Namespace { get; }
    public string Name { get; }
    public string Uid { get; }
    public JsonObject? Allocation { get; }
    public bool IsLeaving => Tree["metadata"]?["deletionTimestamp"] is not null;

    /// <summary>Uid of the object it was made for; null: it was made by hand.</summary>
    public string? OwnerUid { get; }

    /// <summary>The scheduler made it for a Pod, its owner.</summary>
    public bool IsOfExtendedResources { get; }

    /// <summary>Each request with its alternatives, the preferred first.</summary>
    public IReadOnlyList<IReadOnlyList<DeviceRequest>> Requests { get; }
    public IReadOnlyList<JsonObject> Constraints { get; }

    public static DeviceClaim Of(JsonObject tree) => new(tree);

    /// <summary>Something has to be true of its devices before a Pod may be bound.</summary>
    public bool HasBindingConditions => AreConditional(Allocation);

    public static bool AreConditional(JsonObject? allocation) => Results(allocation).Any(IsConditional);

    /// <summary>Whether what has to be true of its devices is: KEP-5007.</summary>
    /// <param name="patience">For how long after the allocation that is waited for.</param>
    /// <param name="failure">Upstream's words, when it will not become so.</param>
    public bool IsReady(DateTimeOffset now, TimeSpan patience, out string? failure)
    {
        failure = null;
        foreach (var result in Results(Allocation).Where(IsConditional))
        {
            var told = (Tree["status"]?["devices"] as JsonArray ?? []).OfType<JsonObject>().FirstOrDefault(d => IsOf(d, result));
            foreach (var type in Texts(result, "bindingFailureConditions"))
            {
                if (Condition(told, type) is not { } condition || (string?)condition["status"] != "True") continue;
                failure = $"device binding failed: claim={Name}, reason={(string?)condition["reason"]}, message={FieldError.Quote((string?)condition["message"] ?? "")}";
                return false;
            }

            if (Texts(result, "bindingConditions").All(type => (string?)Condition(told, type)?["status"] == "True")) continue;
            if (WaitsUntil(patience) < now) failure = $"device binding timeout: claim={Name}";
            return false;
        }
        return true;
    }

    /// <summary>When waiting for its devices ends; null: nothing is allocated, or nobody knows since when.</summary>
    public DateTimeOffset? WaitsUntil(TimeSpan patience) =>
        DateTimeOffset.TryParse((string?)Allocation?["allocationTimestamp"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var since) ? since + patience : null;

    public bool IsReservedFor(string podUid) => Consumers().Any(c => (string?)c["uid"] == podUid);

    public int ConsumerCount => Consumers().Count();

    private static IEnumerable<JsonObject> Results(JsonObject? allocation) => (allocation?["devices"]?["results"] as JsonArray ?? []).OfType<JsonObject>();

    private static bool IsOf(JsonObject told, JsonObject result)
    {
        foreach (var field in (ReadOnlySpan<string>)["driver", "pool", "device"])
            if ((string?)told[field] != (string?)result[field]) return false;
        return true;
    }

    private static bool IsConditional(JsonObject result) => result["bindingConditions"] is JsonArray { Count: > 0 };

    private static IEnumerable<string> Texts(JsonObject tree, string field) => (tree[field] as JsonArray ?? []).Select(t => (string)t!);

    private static JsonObject? Condition(JsonObject? device, string type) =>
        (device?["conditions"] as JsonArray ?? []).OfType<JsonObject>().FirstOrDefault(c => (string?)c["type"] == type);

    private IEnumerable<JsonObject> Consumers() => (Tree["status"]?["reservedFor"] as JsonArray ?? []).OfType<JsonObject>();

    private static IReadOnlyList<DeviceRequest> Alternatives(JsonObject request)
    {
        var name = (string)request["name"]!;
        if (request["exactly"] is JsonObject exactly) return [DeviceRequest.Of(name, exactly)];
        return [.. (request["firstAvailable"] as JsonArray ?? []).OfType<JsonObject>().Select(r => DeviceRequest.Of($"{name}/{(string)r["name"]!}", r))];
    }
}

/// <summary>A device as CEL expressions see it: driver, attributes and capacity by domain and name. A domain that the device does not have is an empty map.</summary>
internal sealed class DeviceValue(Device device) : Api.Cel.ICelMap
{
    public bool TryGet(string key, out object? value)
    {
        value = key switch
        {
            "driver" => device.Id.Driver,
            "attributes" => new Domains(device, "attributes"),
            "capacity" => new Domains(device, "capacity"),
            "allowMultipleAllocations" => (bool?)device.Tree["allowMultipleAllocations"] == true,
            _ => null,
        };
        return value is not null;
    }

    private sealed class Domains(Device device, string field) : Api.Cel.ICelMap
    {
        public IReadOnlyCollection<string> Keys
        {
            get
            {
                var domains = new HashSet<string>(StringComparer.Ordinal);
                foreach (var (domain, _, _) in Entries()) domains.Add(domain);
                return domains;
            }
        }

        public bool Contains(string key) => Keys.Contains(key);

        public bool TryGet(string key, out object? value)
        {
            var values = new Dictionary<string, object?>(StringComparer.Ordinal);
            foreach (var (domain, name, node) in Entries())
                if (domain == key) values[name] = ValueOf(node);
            value = values;
            return true;
        }

        private IEnumerable<(string Domain, string Name, JsonNode? Node)> Entries()
        {
            foreach (var (full, node) in device.Tree[field] as JsonObject ?? [])
            {
                var slash = full.IndexOf('/', StringComparison.Ordinal);
                yield return slash < 0 ? (device.Id.Driver, full, node) : (full[..slash], full[(slash + 1)..], node);
            }
        }

        private static object? ValueOf(JsonNode? node)
        {
            if ((string?)(node as JsonObject)?["value"] is { } capacity && Quantity.TryParse(capacity, out var quantity, out _)) return quantity;
            var value = node as JsonObject;
            if ((string?)value?["version"] is { } version) return Api.Cel.CelProgram.VersionOf(version);
            return Api.Cel.CelProgram.ValueOf(value?["string"] ?? value?["int"] ?? value?["bool"]);
        }
    }
}
