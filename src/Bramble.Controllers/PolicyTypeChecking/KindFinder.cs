using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Cel;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.Client;

namespace Bramble.Controllers.PolicyTypeChecking;

/// <summary>The kinds that a policy's rules name, and their types: built-in ones, and what discovery and the published schemas say of the others.</summary>
internal sealed class KindFinder(IKubeClient client)
{
    /// <summary>Upstream checks no more types for one policy.</summary>
    private const int KindsMax = 10;

    /// <summary>In order of group, version and kind. Rules with wildcards are left out.</summary>
    public async Task<IReadOnlyList<CheckedKind>> FindAsync(JsonObject spec, CancellationToken cancel)
    {
        List<GroupVersionKind> kinds = [];
        foreach (var rule in (spec["matchConstraints"]?["resourceRules"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var found = 0;
            foreach (var (group, version, resource) in Named(rule))
                foreach (var kind in await KindsAsync(group, version, resource, cancel))
                {
                    if (found++ >= KindsMax) break;
                    if (!kinds.Contains(kind)) kinds.Add(kind);
                }
            if (found >= KindsMax) break;
        }
        List<CheckedKind> known = [];
        foreach (var kind in kinds.OrderBy(k => k.Group, StringComparer.Ordinal).ThenBy(k => k.Version, StringComparer.Ordinal).ThenBy(k => k.Kind, StringComparer.Ordinal))
            if (await TypeAsync(kind, cancel) is { } type) known.Add(new CheckedKind(kind, type));
        return known;
    }

    /// <summary>Null: nothing is known of it.</summary>
    public async Task<CelDeclaration?> TypeAsync(GroupVersionKind kind, CancellationToken cancel)
    {
        if (BuiltInSchemas.FindKind(kind) is { } type) return CelKindDeclaration.Of(type, kind.Kind);
        if (kind.Group.Length == 0 || await ReadAsync($"/openapi/v3/apis/{kind.Group}/{kind.Version}", cancel) is not { } published) return null;
        foreach (var (_, schema) in published["components"]?["schemas"] as JsonObject ?? [])
            if (schema is JsonObject tree && (tree["x-kubernetes-group-version-kind"] as JsonArray ?? []).Any(k => (string?)k?["kind"] == kind.Kind && (string?)k["group"] == kind.Group && (string?)k["version"] == kind.Version))
                return CelKindDeclaration.OfCustom(tree, kind.Kind);
        return null;
    }

    private static IEnumerable<(string Group, string Version, string Resource)> Named(JsonObject rule)
    {
        var (groups, versions) = (Texts(rule, "apiGroups"), Texts(rule, "apiVersions"));
        if (groups.Concat(versions).Any(text => text.Contains('*'))) yield break;
        foreach (var group in groups)
            foreach (var version in versions)
                foreach (var resource in Texts(rule, "resources").Where(r => !r.Contains('*') && !r.Contains('/'))) yield return (group, version, resource);
    }

    private static List<string> Texts(JsonObject rule, string name) => [.. (rule[name] as JsonArray ?? []).Select(text => (string?)text ?? "").Order(StringComparer.Ordinal)];

    /// <summary>As upstream's RESTMapper: a resource by its plural or its singular, and without a group those of all groups.</summary>
    private async Task<IReadOnlyList<GroupVersionKind>> KindsAsync(string group, string version, string resource, CancellationToken cancel)
    {
        List<GroupVersionKind> kinds = [.. ApiCatalog.BuiltIn.Resources
            .Where(r => (group.Length == 0 || r.Group == group) && r.Version == version && (r.Plural == resource || r.Singular == resource)).Select(r => r.GroupVersionKind)];
        if (kinds.Count > 0 || group.Length == 0 || await ReadAsync($"/apis/{group}/{version}", cancel) is not { } discovered) return kinds;
        foreach (var item in (discovered["resources"] as JsonArray ?? []).OfType<JsonObject>())
            if ((string?)item["name"] == resource || (string?)item["singularName"] == resource) kinds.Add(new GroupVersionKind(group, version, (string?)item["kind"] ?? ""));
        return kinds;
    }

    private async Task<JsonObject?> ReadAsync(string path, CancellationToken cancel)
    {
        try
        {
            return await client.GetAsync(path, [], cancel);
        }
        catch (StatusException e) when (e.Status.Code == 404)
        {
            return null; // no such group
        }
    }
}
