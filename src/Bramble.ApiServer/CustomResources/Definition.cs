using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Discovery;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;
using Bramble.Client;

namespace Bramble.ApiServer.CustomResources;

/// <summary>A CustomResourceDefinition, read. Immutable.</summary>
internal sealed class Definition
{
    public const string Finalizer = "customresourcecleanup.apiextensions.k8s.io";

    private static readonly string[] Verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
    private static readonly string[] StatusVerbs = ["get", "patch", "update"];

    private readonly JsonObject _tree;
    private readonly JsonObject _spec;

    public Definition(KubeObject obj)
    {
        (Name, Revision) = (obj.Name.Name, obj.ResourceVersion);
        _tree = obj.ToTree();
        _spec = _tree.Object("spec") ?? [];
    }

    public string Name { get; }
    public long Revision { get; }
    public JsonObject Tree => _tree;
    public JsonObject Names => _spec.Object("names") ?? [];
    public string Group => _spec.Text("group");
    public GroupResource Resource => new(Group, Names.Text("plural"));

    /// <summary>Its objects would be stored among those of a resource that is built in: it is never served, and its end takes nothing along.</summary>
    public bool OverlapsBuiltIn => ApiCatalog.BuiltIn.Versions(Resource).Count > 0;

    public bool IsNamespaced => _spec.Text("scope") == "Namespaced";
    public bool IsBeingDeleted => _tree.Object("metadata").Has("deletionTimestamp");
    public bool IsEstablished => ConditionIs("Established");
    public bool HasFinalizer => _tree.Object("metadata").Texts("finalizers").Contains(Finalizer);

    public bool ConditionIs(string type) => ConditionIs(_tree, type);

    public static bool ConditionIs(JsonObject definition, string type)
    {
        foreach (var (_, condition) in definition.Object("status").Items("conditions"))
            if (condition.Text("type") == type) return condition.Text("status") == "True";
        return false;
    }

    /// <summary>The resources of its served versions.</summary>
    public IEnumerable<ServedResource> Resources(WatchCache cache)
    {
        if (StoredVersion is not { } storage) yield break;
        var forms = Forms();
        foreach (var (_, version) in _spec.Items("versions"))
            if (version.Bool("served")) yield return Make(version, storage, forms, cache);
    }

    /// <summary>The resource of the version that objects are stored in, served or not: to end them. Null: there is none.</summary>
    public ServedResource? StoredResource(WatchCache cache) => StoredVersion is { } storage ? Make(storage, storage, Forms(), cache) : null;

    private Dictionary<string, CustomForm> Forms()
    {
        var forms = new Dictionary<string, CustomForm>(StringComparer.Ordinal);
        foreach (var (_, version) in _spec.Items("versions")) forms[version.Text("name")] = CustomForm.Of(version, AcceptedNames.Text("kind"));
        return forms;
    }

    private JsonObject AcceptedNames => _tree.Object("status").Object("acceptedNames") ?? Names;

    private JsonObject? StoredVersion
    {
        get
        {
            foreach (var (_, version) in _spec.Items("versions"))
                if (version.Bool("storage")) return version;
            return null;
        }
    }

    private ServedResource Make(JsonObject version, JsonObject storage, Dictionary<string, CustomForm> forms, WatchCache cache)
    {
        var kind = new GroupVersionKind(Group, version.Text("name"), AcceptedNames.Text("kind"));
        var served = forms[kind.Version];
        // A webhook would say what a field of this version is in the other one; as nobody is asked, nothing of it may be lost.
        var isAsked = _spec.Object("conversion").Text("strategy") == "Webhook";
        return new ServedResource(Api(AcceptedNames, version, kind, storage.Text("name")), served.Type, served.Type, new CustomResourceStrategy(kind, version), cache.Of(Resource))
        {
            Definition = new ServedDefinition(Revision, IsBeingDeleted, ScaleOf(version), version, DeprecationOf(_spec, version), served, isAsked ? served : forms[storage.Text("name")], isAsked ? null : forms),
        };
    }

    /// <summary>The warning of a deprecated version; where the definition has no words of its own, with the best version to use instead.</summary>
    internal static string? DeprecationOf(JsonObject spec, JsonObject version)
    {
        if (!version.Bool("deprecated")) return null;
        if (version.TextOrNull("deprecationWarning") is { } own) return own;
        var (group, name, kind, better) = (spec.Text("group"), version.Text("name"), spec.Object("names").Text("kind"), "");
        foreach (var (_, other) in spec.Items("versions"))
            if (other.Bool("served") && !other.Bool("deprecated") && VersionPriority.Order.Compare(other.Text("name"), better.Length > 0 ? better : name) < 0) better = other.Text("name");
        return $"{group}/{name} {kind} is deprecated" + (better.Length > 0 ? $"; use {group}/{better} {kind}" : "");
    }

    private ApiResource Api(JsonObject names, JsonObject version, GroupVersionKind kind, string storage)
    {
        List<ApiSubresource> subresources = [];
        if (version.Object("subresources").Has("status")) subresources.Add(new("status", kind, StatusVerbs));
        if (version.Object("subresources").Has("scale")) subresources.Add(new("scale", ScaleView.Kind, StatusVerbs));
        var stored = kind with { Version = storage };
        return new ApiResource
        {
            Group = Group,
            Version = kind.Version,
            Plural = names.Text("plural"),
            Singular = names.Text("singular"),
            Kind = kind.Kind,
            IsNamespaced = IsNamespaced,
            Verbs = Verbs,
            ShortNames = [.. names.Texts("shortNames")],
            Categories = [.. names.Texts("categories")],
            Subresources = subresources,
            ListKind = names.Text("listKind"),
            StorageKind = stored,
            StoragePrefix = StorageLayout.PrefixOf(Resource),
            StorageVersionHash = StorageLayout.VersionHash(stored),
        };
    }

    private CustomScaleView? ScaleOf(JsonObject version) => version.Object("subresources").Object("scale") is { } scale
        ? new CustomScaleView(Resource, scale.Text("specReplicasPath"), scale.Text("statusReplicasPath"), scale.Text("labelSelectorPath"))
        : null;
}

/// <summary>What serving a custom resource needs of its definition.</summary>
/// <param name="Revision">Objects stored since then are as the schema of now would have them.</param>
/// <param name="Version">Its item of spec.versions: columns, schema.</param>
/// <param name="Warning">What each request for the version is told: it is deprecated; null: it is not.</param>
/// <param name="Served">The form of that version.</param>
/// <param name="Stored">The form in which objects are stored.</param>
/// <param name="Forms">Those of all versions, by name: objects may be stored in one that was the storage version before. Null: all are as the served one.</param>
internal sealed record ServedDefinition(
    long Revision, bool IsTerminating, ISubresourceView? Scale, JsonObject Version, string? Warning, CustomForm Served, CustomForm Stored, IReadOnlyDictionary<string, CustomForm>? Forms)
{
    /// <summary>The form an object has at rest.</summary>
    public CustomForm FormOf(JsonObject stored)
    {
        if (Forms is null) return Served;
        var version = stored.Text("apiVersion");
        return Forms.GetValueOrDefault(version[(version.IndexOf('/', StringComparison.Ordinal) + 1)..]) ?? Stored;
    }
}
