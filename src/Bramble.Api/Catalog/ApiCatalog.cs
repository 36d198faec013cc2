using System.Collections.Frozen;
using System.Text.Json;
using Bramble.Api.Naming;

namespace Bramble.Api.Catalog;

/// <summary>The resources an API server knows: which groups, versions, kinds, verbs and names there are. <see cref="BuiltIn"/> is Kubernetes 1.36's own
/// (facts of a recorded discovery); <see cref="With"/> adds custom ones. Immutable, thread-safe.</summary>
public sealed class ApiCatalog
{
    private static readonly Lazy<ApiCatalog> LazyBuiltIn = new(ReadFacts);

    private readonly FrozenDictionary<(string Group, string Version, string Plural), ApiResource> _byPlural;
    private readonly FrozenDictionary<GroupVersionKind, ApiResource> _byKind;
    private readonly FrozenDictionary<GroupResource, IReadOnlyList<ApiResource>> _byGroupResource;

    private ApiCatalog(IReadOnlyList<ApiResource> resources)
    {
        Resources = resources;
        _byPlural = resources.ToFrozenDictionary(r => (r.Group, r.Version, r.Plural));
        var kinds = new Dictionary<GroupVersionKind, ApiResource>();
        foreach (var resource in resources) kinds.TryAdd(resource.GroupVersionKind, resource);
        _byKind = kinds.ToFrozenDictionary();
        _byGroupResource = resources.GroupBy(r => r.GroupResource).ToFrozenDictionary(g => g.Key, g => (IReadOnlyList<ApiResource>)[.. g]);
    }

    /// <summary>Kubernetes 1.36's own resources.</summary>
    public static ApiCatalog BuiltIn => LazyBuiltIn.Value;

    /// <summary>All resources, groups and versions in discovery's order.</summary>
    public IReadOnlyList<ApiResource> Resources { get; }

    public ApiResource? Find(string group, string version, string plural) => _byPlural.GetValueOrDefault((group, version, plural));

    public ApiResource? FindKind(GroupVersionKind kind) => _byKind.GetValueOrDefault(kind);

    /// <summary>The versions of a resource, preferred first.</summary>
    public IReadOnlyList<ApiResource> Versions(GroupResource resource) => _byGroupResource.GetValueOrDefault(resource) ?? [];

    /// <summary>True when the group has this version, whatever its resources.</summary>
    public bool HasGroupVersion(string group, string version) => Resources.Any(r => r.Group == group && r.Version == version);

    public bool HasGroup(string group) => Resources.Any(r => r.Group == group);

    /// <summary>This catalog and more resources; a resource that is already there stays as it is.</summary>
    public ApiCatalog With(IEnumerable<ApiResource> more) =>
        new([.. Resources, .. more.Where(r => Find(r.Group, r.Version, r.Plural) is null).DistinctBy(r => (r.Group, r.Version, r.Plural))]);

    private static ApiCatalog ReadFacts()
    {
        using var facts = typeof(ApiCatalog).Assembly.GetManifestResourceStream("discovery.json")!;
        using var document = JsonDocument.Parse(facts);
        var hashes = StorageVersionHashes(document.RootElement.GetProperty("legacy"));
        var resources = new List<ApiResource>();
        foreach (var root in (ReadOnlySpan<string>)["/api", "/apis"])
            foreach (var group in document.RootElement.GetProperty("aggregated").GetProperty(root).GetProperty("items").EnumerateArray())
            {
                var groupName = Text(group.GetProperty("metadata"), "name");
                foreach (var version in group.GetProperty("versions").EnumerateArray())
                    foreach (var resource in version.GetProperty("resources").EnumerateArray())
                        resources.Add(Read(new(groupName, Text(version, "version")), resource, hashes));
            }
        return new(resources);
    }

    private static ApiResource Read(GroupVersion groupVersion, JsonElement resource, Dictionary<string, string> hashes)
    {
        var plural = Text(resource, "resource");
        var kind = KindOf(groupVersion, resource);
        return new ApiResource
        {
            Group = groupVersion.Group,
            Version = groupVersion.Version,
            Plural = plural,
            Singular = Text(resource, "singularResource"),
            Kind = kind.Kind,
            IsNamespaced = Text(resource, "scope") == "Namespaced",
            Verbs = Texts(resource, "verbs"),
            ShortNames = Texts(resource, "shortNames"),
            Categories = Texts(resource, "categories"),
            Subresources = resource.TryGetProperty("subresources", out var subresources)
                ? [.. subresources.EnumerateArray().Select(s => new ApiSubresource(Text(s, "subresource"), KindOf(groupVersion, s), Texts(s, "verbs")))]
                : [],
            StorageKind = StorageLayout.KindOf(kind),
            StoragePrefix = StorageLayout.PrefixOf(new(groupVersion.Group, plural)),
            StorageVersionHash = hashes.GetValueOrDefault($"{groupVersion}/{plural}", ""),
            SchemaType = SchemaTypeName.Of(kind),
        };
    }

    private static Dictionary<string, string> StorageVersionHashes(JsonElement legacy)
    {
        var hashes = new Dictionary<string, string>();
        foreach (var document in legacy.EnumerateObject())
        {
            if (!document.Value.TryGetProperty("groupVersion", out var groupVersion)) continue;
            foreach (var resource in document.Value.GetProperty("resources").EnumerateArray())
                if (Text(resource, "storageVersionHash") is { Length: > 0 } hash) hashes[$"{groupVersion.GetString()}/{Text(resource, "name")}"] = hash;
        }
        return hashes;
    }

    /// <summary>Group and version are empty where they are the document's own.</summary>
    private static GroupVersionKind KindOf(GroupVersion groupVersion, JsonElement resource)
    {
        var kind = resource.GetProperty("responseKind");
        return Text(kind, "version") is { Length: > 0 } version
            ? new(Text(kind, "group"), version, Text(kind, "kind"))
            : new(groupVersion.Group, groupVersion.Version, Text(kind, "kind"));
    }

    private static string Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString()! : "";

    private static IReadOnlyList<string> Texts(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) ? [.. value.EnumerateArray().Select(v => v.GetString()!)] : [];
}
