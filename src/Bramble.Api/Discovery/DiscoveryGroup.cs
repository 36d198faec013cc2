using System.Text.Json.Nodes;
using Bramble.Api.Catalog;

namespace Bramble.Api.Discovery;

/// <summary>A group as discovery shows it, versions in order of preference.</summary>
internal sealed record DiscoveryGroup(string Name, int Priority, IReadOnlyList<DiscoveryVersion> Versions)
{
    public static DiscoveryGroup Local(string name, IReadOnlyList<ApiResource> resources, int priority) =>
        new(name, priority, [.. resources.GroupBy(r => r.Version).OrderBy(v => v.Key, VersionPriority.Order).Select(v => new DiscoveryVersion(v.Key, [.. v]))]);

    /// <summary>This group with a version of another server; the first one named wins.</summary>
    public DiscoveryGroup With(RemoteGroupVersion version) => Versions.Any(v => v.Name == version.Version)
        ? this
        : new(Name, Math.Max(Priority, version.GroupPriorityMinimum), [.. Versions, new DiscoveryVersion(version.Version, [], version)]);
}

/// <summary>One version: resources of our own, or what another server said.</summary>
internal sealed record DiscoveryVersion(string Name, IReadOnlyList<ApiResource> Resources, RemoteGroupVersion? Remote = null)
{
    public bool IsFresh => Remote?.IsFresh ?? true;

    /// <summary>APIResource list of the legacy documents: resources and, as <c>pods/status</c>, subresources.</summary>
    public JsonArray LegacyResources()
    {
        if (Remote is not null) return (JsonArray)Remote.Resources.DeepClone();
        var list = new JsonArray();
        foreach (var resource in Resources.OrderBy(r => r.Plural, StringComparer.Ordinal))
        {
            var item = new JsonObject
            {
                ["name"] = resource.Plural,
                ["singularName"] = resource.Singular,
                ["namespaced"] = resource.IsNamespaced,
                ["kind"] = resource.Kind,
                ["verbs"] = Texts(resource.Verbs),
            };
            if (resource.ShortNames.Count > 0) item["shortNames"] = Texts(resource.ShortNames);
            if (resource.Categories.Count > 0) item["categories"] = Texts(resource.Categories);
            if (resource.IsStored) item["storageVersionHash"] = resource.StorageVersionHash;
            list.Add((JsonNode)item);
            foreach (var subresource in resource.Subresources)
            {
                var sub = new JsonObject { ["name"] = $"{resource.Plural}/{subresource.Name}", ["singularName"] = "", ["namespaced"] = resource.IsNamespaced };
                if (subresource.Kind.GroupVersion != resource.GroupVersion)
                {
                    if (subresource.Kind.Group.Length > 0) sub["group"] = subresource.Kind.Group;
                    sub["version"] = subresource.Kind.Version;
                }
                sub["kind"] = subresource.Kind.Kind;
                sub["verbs"] = Texts(subresource.Verbs);
                list.Add((JsonNode)sub);
            }
        }
        return list;
    }

    /// <summary>APIResourceDiscovery list of the aggregated documents.</summary>
    public JsonArray AggregatedResources()
    {
        if (Remote is not null) return FromLegacy(Remote);
        var list = new JsonArray();
        foreach (var resource in Resources.OrderBy(r => r.Plural, StringComparer.Ordinal))
        {
            // Built-in kinds leave group and version empty where they are the document's own; custom ones say them.
            var item = new JsonObject
            {
                ["resource"] = resource.Plural,
                ["responseKind"] = KindNode(resource.IsBuiltIn ? "" : resource.Group, resource.IsBuiltIn ? "" : resource.Version, resource.Kind),
                ["scope"] = resource.IsNamespaced ? "Namespaced" : "Cluster",
                ["singularResource"] = resource.Singular,
                ["verbs"] = Texts(resource.Verbs),
            };
            if (resource.ShortNames.Count > 0) item["shortNames"] = Texts(resource.ShortNames);
            if (resource.Categories.Count > 0) item["categories"] = Texts(resource.Categories);
            if (resource.Subresources.Count > 0)
                item["subresources"] = new JsonArray([.. resource.Subresources.Select(s => (JsonNode)new JsonObject
                {
                    ["subresource"] = s.Name,
                    ["responseKind"] = resource.IsBuiltIn && s.Kind.GroupVersion == resource.GroupVersion
                        ? KindNode("", "", s.Kind.Kind)
                        : KindNode(s.Kind.Group, s.Kind.Version, s.Kind.Kind),
                    ["verbs"] = Texts(s.Verbs),
                })]);
            list.Add((JsonNode)item);
        }
        return list;
    }

    /// <summary>The aggregated form of what a server that knows only the legacy one says.</summary>
    private static JsonArray FromLegacy(RemoteGroupVersion remote)
    {
        var items = new Dictionary<string, JsonObject>();
        foreach (var resource in remote.Resources.OfType<JsonObject>())
        {
            var name = (string?)resource["name"] ?? "";
            var kind = KindNode((string?)resource["group"] ?? remote.Group, (string?)resource["version"] ?? remote.Version, (string?)resource["kind"] ?? "");
            var verbs = resource["verbs"]?.DeepClone() ?? new JsonArray();
            if (name.Split('/', 2) is [var parent, var subresource])
            {
                if (!items.TryGetValue(parent, out var owner)) continue;
                if (owner["subresources"] is not JsonArray subresources) owner["subresources"] = subresources = [];
                subresources.Add((JsonNode)new JsonObject { ["subresource"] = subresource, ["responseKind"] = kind, ["verbs"] = verbs });
                continue;
            }
            var item = new JsonObject
            {
                ["resource"] = name,
                ["responseKind"] = kind,
                ["scope"] = (bool?)resource["namespaced"] == true ? "Namespaced" : "Cluster",
                ["singularResource"] = (string?)resource["singularName"] ?? "",
                ["verbs"] = verbs,
            };
            if (resource["shortNames"] is { } shortNames) item["shortNames"] = shortNames.DeepClone();
            if (resource["categories"] is { } categories) item["categories"] = categories.DeepClone();
            items[name] = item;
        }
        return new JsonArray([.. items.Values]);
    }

    private static JsonObject KindNode(string group, string version, string kind) => new() { ["group"] = group, ["version"] = version, ["kind"] = kind };

    private static JsonArray Texts(IReadOnlyList<string> texts) => new([.. texts.Select(t => (JsonNode)JsonValue.Create(t))]);
}
