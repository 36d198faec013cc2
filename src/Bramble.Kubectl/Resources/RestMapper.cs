using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Kubectl.Connection;

namespace Bramble.Kubectl.Resources;

/// <summary>A resource as discovery describes it.</summary>
internal sealed record KnownResource(
    string Group, string Version, string Plural, string Singular, string Kind, bool IsNamespaced, IReadOnlyList<string> ShortNames, IReadOnlyList<string> Verbs, IReadOnlyList<string> Categories)
{
    public string ApiVersion => new GroupVersion(Group, Version).ToString();

    /// <summary><c>deployments.apps</c>; the core group has no suffix.</summary>
    public string QualifiedPlural => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    /// <summary><c>deployment.apps</c>, as -o name and messages say.</summary>
    public string QualifiedSingular => Group.Length == 0 ? Kind.ToLowerInvariant() : $"{Kind.ToLowerInvariant()}.{Group}";

    public string Path(string ns, string? name = null, string? subresource = null)
    {
        var path = (Group.Length == 0 ? $"api/{Version}" : $"apis/{Group}/{Version}") + (IsNamespaced && ns.Length > 0 ? $"/namespaces/{ns}" : "") + $"/{Plural}";
        if (name is not null) path += $"/{Uri.EscapeDataString(name)}";
        return subresource is null ? path : $"{path}/{subresource}";
    }
}

/// <summary>Finds resources by the names people type: plural, singular, short, with group, category.</summary>
internal sealed class RestMapper
{
    private const string Aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

    private RestMapper(IReadOnlyList<KnownResource> all) => All = all;

    /// <summary>All resources, the preferred version of each group first.</summary>
    public IReadOnlyList<KnownResource> All { get; }

    public static async Task<RestMapper> ReadAsync(ApiConnection api, CancellationToken cancel)
    {
        var all = new List<KnownResource>();
        foreach (var root in (string[])["api", "apis"])
        {
            var document = await api.GetAsync(root, cancel, Aggregated);
            foreach (var group in document["items"] as JsonArray ?? [])
                foreach (var version in group?["versions"] as JsonArray ?? [])
                    foreach (var resource in version?["resources"] as JsonArray ?? [])
                        all.Add(Read(group, version, resource));
        }
        return new RestMapper(all);
    }

    /// <exception cref="CommandFailure">No such resource.</exception>
    public KnownResource Get(string name) => Find(name) ?? throw new CommandFailure($"error: the server doesn't have a resource type \"{name}\"");

    public KnownResource? Find(string name)
    {
        var parts = name.Split('.', 2);
        var matches = All.Where(r => IsCalled(r, parts[0]));
        if (parts.Length == 1) return matches.FirstOrDefault();
        // deployments.apps, or deployments.v1.apps.
        return matches.FirstOrDefault(r => r.Group == parts[1] || $"{r.Version}.{r.Group}".TrimEnd('.') == parts[1] || r.Group.StartsWith(parts[1] + ".", StringComparison.Ordinal));
    }

    public IReadOnlyList<KnownResource> OfCategory(string name) => All.Where(r => r.Categories.Contains(name)).DistinctBy(r => r.QualifiedPlural).ToList();

    /// <exception cref="CommandFailure">The server does not have that kind.</exception>
    public KnownResource OfObject(JsonObject obj, string source)
    {
        var apiVersion = (string?)obj["apiVersion"] ?? "";
        var kind = (string?)obj["kind"] ?? "";
        if (apiVersion.Length == 0) throw new CommandFailure($"error: error validating \"{source}\": error validating data: apiVersion not set; if you choose to ignore these errors, turn validation off with --validate=false");
        if (kind.Length == 0) throw new CommandFailure($"error: error validating \"{source}\": error validating data: kind not set; if you choose to ignore these errors, turn validation off with --validate=false");
        return All.FirstOrDefault(r => r.ApiVersion == apiVersion && r.Kind == kind)
            ?? throw new CommandFailure(
                $"error: resource mapping not found for name: \"{(string?)obj["metadata"]?["name"]}\" namespace: \"{(string?)obj["metadata"]?["namespace"]}\" from \"{source}\": "
                + $"no matches for kind \"{kind}\" in version \"{apiVersion}\"\nensure CRDs are installed first");
    }

    private static bool IsCalled(KnownResource resource, string name)
    {
        var lower = name.ToLowerInvariant();
        return resource.Plural == lower || resource.Singular == lower || resource.ShortNames.Contains(lower) || resource.Kind.ToLowerInvariant() == lower;
    }

    private static KnownResource Read(JsonNode? group, JsonNode? version, JsonNode? resource) => new(
        (string?)group?["metadata"]?["name"] ?? "",
        (string?)version?["version"] ?? "",
        (string?)resource?["resource"] ?? "",
        (string?)resource?["singularResource"] ?? "",
        (string?)resource?["responseKind"]?["kind"] ?? "",
        (string?)resource?["scope"] == "Namespaced",
        Texts(resource?["shortNames"]),
        Texts(resource?["verbs"]),
        Texts(resource?["categories"]));

    private static string[] Texts(JsonNode? list) => list is JsonArray items ? items.Select(i => i!.ToString()).ToArray() : [];
}
