using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.Controllers.Tests;

/// <summary>A client that may do only what upstream's bootstrap roles allow its identity; what it may not is noted and refused.</summary>
internal sealed class RoleCheckedClient(IKubeClient inner, string identity, IReadOnlyList<JsonObject> rules, ConcurrentBag<string> forbidden) : IKubeClient
{
    /// <summary>The rules of cluster roles, from the recorded bootstrap objects; one that is none (a Role in kube-system) allows nothing here.</summary>
    public static IReadOnlyList<JsonObject> RulesOf(params string[] roles)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "facts", "kubernetes-api", "bootstrap.json"))) folder = folder.Parent;
        var facts = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.FullName, "facts", "kubernetes-api", "bootstrap.json")))!;
        var list = facts["apiserver"]!["/apis/rbac.authorization.k8s.io/v1/clusterroles"]!;
        var items = (list as JsonArray ?? list["items"]!.AsArray()).OfType<JsonObject>().ToList();
        return [.. items.Where(r => roles.Contains((string?)r["metadata"]!["name"])).SelectMany(r => r["rules"] as JsonArray ?? []).OfType<JsonObject>()];
    }

    public ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel)
    {
        Check("get", resource, null, name.Name);
        return inner.FindAsync(resource, name, cancel);
    }

    public ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel)
    {
        Check("list", resource, null);
        return inner.ListAsync(resource, query, cancel);
    }

    public async IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, [EnumeratorCancellation] CancellationToken cancel)
    {
        Check("watch", resource, null);
        await foreach (var change in inner.WatchAsync(resource, query, cancel)) yield return change;
    }

    public ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        Check("create", resource, subresource);
        return inner.CreateAsync(resource, name, body, subresource, cancel);
    }

    public ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        Check("update", resource, subresource, name.Name);
        return inner.UpdateAsync(resource, name, body, subresource, cancel);
    }

    public ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel)
    {
        Check("patch", resource, subresource, name.Name);
        return inner.PatchAsync(resource, name, patch, subresource, cancel);
    }

    public ValueTask<JsonObject> GetAsync(string path, IReadOnlyList<KeyValuePair<string, string>> query, CancellationToken cancel)
    {
        // Which resources a group has may be asked by everyone.
        if (path.Trim('/').Split('/') is ["apis", _, _]) return inner.GetAsync(path, query, cancel);
        var target = TargetOf(path);
        Check(target.Name.Length > 0 ? "get" : "list", new ResourceId(target.Group, "", target.Plural, "", target.Namespace.Length > 0), target.Subresource.Length > 0 ? target.Subresource : null);
        return inner.GetAsync(path, query, cancel);
    }

    /// <summary>What a path is about.</summary>
    public static (string Group, string Namespace, string Plural, string Name, string Subresource) TargetOf(string path)
    {
        var parts = path.Trim('/').Split('/').ToList();
        var group = parts[0] == "api" ? "" : parts[1];
        parts.RemoveRange(0, parts[0] == "api" ? 2 : 3);
        var ns = parts is ["namespaces", _, _, ..] ? parts[1] : "";
        if (ns.Length > 0) parts.RemoveRange(0, 2);
        return (group, ns, parts[0], parts.ElementAtOrDefault(1) ?? "", parts.ElementAtOrDefault(2) ?? "");
    }

    public ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel)
    {
        Check("delete", resource, null, name.Name);
        return inner.DeleteAsync(resource, name, query, cancel);
    }

    private void Check(string verb, ResourceId resource, string? subresource, string name = "")
    {
        var path = subresource is null ? resource.Plural : $"{resource.Plural}/{subresource}";
        var isAllowed = rules.Any(rule => (rule["resourceNames"] is null || Has(rule, "resourceNames", name)) && Has(rule, "verbs", verb) && Has(rule, "apiGroups", resource.Group)
            && (Has(rule, "resources", path) || (subresource is not null && Has(rule, "resources", $"*/{subresource}"))));
        if (isAllowed) return;
        var said = $"{identity} cannot {verb} {path}.{resource.Group}";
        forbidden.Add(said);
        throw Api.Errors.StatusErrors.Forbidden(resource.GroupResource, "", said);
    }

    private static bool Has(JsonObject rule, string field, string value) => (rule[field] as JsonArray)?.Any(v => (string?)v == value || (string?)v == "*") == true;
}
