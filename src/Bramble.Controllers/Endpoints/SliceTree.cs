using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Controllers.Workloads;

namespace Bramble.Controllers.Endpoints;

/// <summary>An EndpointSlice as its controllers change it: the tree as read, or a new one that has no name yet.</summary>
internal sealed class SliceTree(JsonObject tree)
{
    public const string ServiceLabel = "kubernetes.io/service-name";
    public const string ManagedByLabel = "endpointslice.kubernetes.io/managed-by";
    public const string HeadlessLabel = "service.kubernetes.io/headless";

    public JsonObject Tree { get; } = tree;
    public JsonObject Metadata => Tree["metadata"]!.AsObject();

    /// <summary>Empty: to be created.</summary>
    public string Name => (string?)Metadata["name"] ?? "";
    public string Uid => (string?)Metadata["uid"] ?? "";
    public string Family => (string?)Tree["addressType"] ?? "";

    public List<JsonObject> Endpoints
    {
        get => [.. (Tree["endpoints"] as JsonArray ?? []).OfType<JsonObject>()];
        // An empty list is null at rest, as Go's protobuf has it.
        set => Tree["endpoints"] = value.Count == 0 ? null : new JsonArray([.. value.Select(e => e.DeepClone())]);
    }

    public List<ServedPort> Ports => [.. (Tree["ports"] as JsonArray ?? []).OfType<JsonObject>()
        .Select(p => new ServedPort((string?)p["name"] ?? "", (string?)p["protocol"] ?? "TCP", (int?)p["port"] ?? 0, (string?)p["appProtocol"]))];

    /// <summary>Equal for slices of the same ports in whatever order.</summary>
    public string PortsKey => KeyOf(Ports);

    public JsonObject? Labels => Metadata["labels"] as JsonObject;

    public static SliceTree New(string family, IReadOnlyList<ServedPort> ports, Owner owner) => new(new JsonObject
    {
        ["apiVersion"] = "discovery.k8s.io/v1",
        ["kind"] = "EndpointSlice",
        ["metadata"] = new JsonObject
        {
            ["generateName"] = owner.Name.Name + "-",
            ["namespace"] = owner.Name.Namespace,
            ["ownerReferences"] = new JsonArray((JsonNode)owner.Reference()),
        },
        ["addressType"] = family,
        ["endpoints"] = null,
        ["ports"] = ports.Count == 0 ? null : new JsonArray([.. PortOrder.OfSlice(ports).Select(p => (JsonNode)p.ToSlicePort())]),
    });

    public static string KeyOf(IEnumerable<ServedPort> ports) => string.Join('|', PortOrder.OfSlice(ports).Select(p => $"{p.Name}/{p.Protocol}/{p.Port}/{p.AppProtocol}"));

    public SliceTree Copy() => new(Tree.DeepClone().AsObject());

    /// <summary>This content under the name of a slice that would otherwise go.</summary>
    public SliceTree InPlaceOf(SliceTree gone)
    {
        var copy = gone.Copy();
        copy.Metadata["labels"] = Labels?.DeepClone();
        copy.Metadata["ownerReferences"] = Metadata["ownerReferences"]?.DeepClone();
        copy.Metadata.Remove("annotations");
        if (Metadata["annotations"] is { } annotations) copy.Metadata["annotations"] = annotations.DeepClone();
        copy.Tree["endpoints"] = Tree["endpoints"]?.DeepClone();
        copy.Tree["ports"] = Tree["ports"]?.DeepClone();
        return copy;
    }

    public bool IsOwnedBy(string uid) => (Metadata["ownerReferences"] as JsonArray ?? []).Any(o => (string?)o?["uid"] == uid);

    /// <summary>Which endpoint it is, whatever its state.</summary>
    public static string KeyOf(JsonObject endpoint) => string.Join(
        '|', [.. (endpoint["addresses"] as JsonArray ?? []).Select(a => (string?)a).Order(StringComparer.Ordinal), (string?)endpoint["hostname"], (string?)endpoint["targetRef"]?["namespace"], (string?)endpoint["targetRef"]?["name"]]);

    /// <summary>Hints are not compared: they are given later.</summary>
    public static bool IsSameState(JsonObject one, JsonObject other)
    {
        foreach (var field in (ReadOnlySpan<string>)["nodeName", "zone"])
            if ((string?)one[field] != (string?)other[field]) return false;
        foreach (var field in (ReadOnlySpan<string>)["ready", "serving", "terminating"])
            if ((bool?)one["conditions"]?[field] != (bool?)other["conditions"]?[field]) return false;
        foreach (var field in (ReadOnlySpan<string>)["kind", "namespace", "name", "uid", "apiVersion", "fieldPath"])
            if (((string?)one["targetRef"]?[field] ?? "") != ((string?)other["targetRef"]?[field] ?? "")) return false;
        return true;
    }

    public static bool IsReady(JsonObject endpoint) => (bool?)endpoint["conditions"]?["ready"] == true;

    public NamespacedName FullName => new((string?)Metadata["namespace"] ?? "", Name);
}

/// <summary>What is to be done to the slices of one address family.</summary>
internal sealed record SliceChanges(List<SliceTree> Create, List<SliceTree> Update, List<SliceTree> Delete)
{
    public SliceChanges() : this([], [], [])
    {
    }

    public void Add(SliceChanges more)
    {
        Create.AddRange(more.Create);
        Update.AddRange(more.Update);
        Delete.AddRange(more.Delete);
    }

    public List<SliceTree> Unchanged(IEnumerable<SliceTree> existing)
    {
        var changed = Update.Concat(Delete).Select(s => s.Name).ToHashSet(StringComparer.Ordinal);
        return [.. existing.Where(s => !changed.Contains(s.Name))];
    }

    /// <summary>A slice that would go takes the content of one that would come: one write in place of two.</summary>
    /// <param name="mayReuse">Not one of another owner, which may be collected any moment.</param>
    public void Recycle(Func<SliceTree, bool> mayReuse)
    {
        for (var i = 0; i < Delete.Count && Create.Count > 0;)
        {
            var coming = Create[^1];
            if (Delete[i].Family != coming.Family || !mayReuse(Delete[i]))
            {
                i++;
                continue;
            }
            Update.Add(coming.InPlaceOf(Delete[i]));
            Create.RemoveAt(Create.Count - 1);
            Delete.RemoveAt(i);
        }
    }
}
