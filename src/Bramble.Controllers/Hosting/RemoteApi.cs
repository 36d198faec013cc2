using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Client;

namespace Bramble.Controllers.Hosting;

/// <summary>A group version that another server answers, as its APIService says.</summary>
/// <param name="IsAvailable">It can be asked.</param>
internal sealed record RemoteApi(string Group, string Version, bool IsAvailable)
{
    /// <summary>Null: this cluster's own API server answers it, whatever is registered.</summary>
    public static RemoteApi? Of(JsonObject apiService)
    {
        if (apiService["spec"]?["service"] is null) return null;
        var (group, version) = ((string?)apiService["spec"]!["group"] ?? "", (string?)apiService["spec"]!["version"] ?? "");
        if (ApiCatalog.BuiltIn.Resources.Any(r => r.Group == group && r.Version == version)) return null;
        var isAvailable = (apiService["status"]?["conditions"] as JsonArray ?? []).Any(c => (string?)c?["type"] == "Available" && (string?)c["status"] == "True");
        return new RemoteApi(group, version, isAvailable);
    }

    /// <summary>Its resources that have all of <paramref name="verbs"/>, by its own discovery.</summary>
    public async Task<List<ResourceId>> ResourcesAsync(IKubeClient client, IReadOnlyList<string> verbs, CancellationToken cancel)
    {
        var found = new List<ResourceId>();
        foreach (var item in (await client.GetAsync($"/apis/{Group}/{Version}", [], cancel))["resources"] as JsonArray ?? [])
        {
            var has = (item?["verbs"] as JsonArray ?? []).Select(verb => (string?)verb).ToList();
            if ((string?)item?["name"] is not { } plural || plural.Contains('/') || !verbs.All(has.Contains)) continue;
            found.Add(new ResourceId(Group, Version, plural, (string?)item["kind"] ?? "", (bool?)item["namespaced"] == true));
        }
        return found;
    }
}
