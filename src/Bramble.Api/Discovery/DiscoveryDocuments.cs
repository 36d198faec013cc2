using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Catalog;

namespace Bramble.Api.Discovery;

/// <summary>The answers of <c>/api</c>, <c>/apis</c> and below, legacy and aggregated (v2), for a catalog and for groups that other servers answer.
/// Each tree is made when asked for and belongs to the caller. Immutable, thread-safe; make a new one when the catalog changes.</summary>
public sealed class DiscoveryDocuments
{
    /// <summary>Priority of a CustomResourceDefinition's group: after all built-in ones.</summary>
    private const int CustomGroupPriority = 1000;

    private readonly IReadOnlyList<DiscoveryGroup> _groups;
    private readonly DiscoveryGroup _core;
    private readonly Lazy<string> _coreHash;
    private readonly Lazy<string> _groupsHash;

    public DiscoveryDocuments(ApiCatalog catalog, IReadOnlyList<RemoteGroupVersion>? remote = null)
    {
        var groups = catalog.Resources
            .GroupBy(r => r.Group)
            .Select((group, index) => DiscoveryGroup.Local(group.Key, [.. group], IsBuiltIn(group) ? int.MaxValue - index : CustomGroupPriority))
            .ToDictionary(g => g.Name);
        foreach (var version in (remote ?? []).OrderByDescending(r => r.VersionPriority).ThenBy(r => r.Version, VersionPriority.Order))
            groups[version.Group] = (groups.GetValueOrDefault(version.Group) ?? new(version.Group, 0, [])).With(version);
        _core = groups[""];
        _groups = [.. groups.Values.Where(g => g.Name.Length > 0).OrderByDescending(g => g.Priority).ThenBy(g => g.Name, StringComparer.Ordinal)];
        _coreHash = new(() => HashOf(AggregatedCore()));
        _groupsHash = new(() => HashOf(AggregatedGroups()));
    }

    /// <summary>Entity tag (with quotes) of the aggregated document of <c>/api</c>.</summary>
    public string AggregatedCoreTag => _coreHash.Value;

    /// <summary>Entity tag (with quotes) of the aggregated document of <c>/apis</c>.</summary>
    public string AggregatedGroupsTag => _groupsHash.Value;

    /// <summary>Legacy <c>/api</c>.</summary>
    /// <param name="serverAddress">Address and port at which clients reach this server.</param>
    public static JsonObject ApiVersions(string serverAddress) => new()
    {
        ["kind"] = "APIVersions",
        ["versions"] = new JsonArray("v1"),
        ["serverAddressByClientCIDRs"] = new JsonArray(new JsonObject { ["clientCIDR"] = "0.0.0.0/0", ["serverAddress"] = serverAddress }),
    };

    /// <summary>Legacy <c>/apis</c>.</summary>
    public JsonObject Groups() => new()
    {
        ["kind"] = "APIGroupList",
        ["apiVersion"] = "v1",
        ["groups"] = new JsonArray([.. _groups.Select(g => (JsonNode)LegacyGroup(g))]),
    };

    /// <summary>Legacy <c>/apis/GROUP</c>; null when there is no such group.</summary>
    public JsonObject? Group(string name)
    {
        if (_groups.FirstOrDefault(g => g.Name == name) is not { } group) return null;
        var document = new JsonObject { ["kind"] = "APIGroup", ["apiVersion"] = "v1" };
        foreach (var (key, value) in LegacyGroup(group).ToList()) document[key] = value!.DeepClone();
        return document;
    }

    /// <summary>Legacy <c>/apis/GROUP/VERSION</c>, or <c>/api/v1</c> for the empty group; null when there is no such version.</summary>
    public JsonObject? Resources(string group, string version)
    {
        if (Find(group)?.Versions.FirstOrDefault(v => v.Name == version) is not { } found) return null;
        var document = new JsonObject { ["kind"] = "APIResourceList" };
        // Upstream's core document was there before its apiVersion was.
        if (group.Length > 0) document["apiVersion"] = "v1";
        document["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}";
        document["resources"] = found.LegacyResources();
        return document;
    }

    /// <summary>Aggregated <c>/api</c>: an APIGroupDiscoveryList of apidiscovery.k8s.io/v2.</summary>
    public JsonObject AggregatedCore() => Aggregated([_core]);

    /// <summary>Aggregated <c>/apis</c>.</summary>
    public JsonObject AggregatedGroups() => Aggregated(_groups);

    /// <summary>Paths of groups and versions, for the list at <c>/</c>.</summary>
    public IEnumerable<string> Paths() =>
    [
        "/api", "/api/v1", "/apis", "/apis/",
        .. _groups.SelectMany(g => (string[])[$"/apis/{g.Name}", .. g.Versions.Select(v => $"/apis/{g.Name}/{v.Name}")]),
    ];

    /// <summary>The list at <c>/</c>: upstream's own paths and those of groups that were added.</summary>
    public JsonObject RootPaths()
    {
        return new JsonObject { ["paths"] = new JsonArray([.. KnownPaths().Union(Paths()).Order(StringComparer.Ordinal).Select(p => (JsonNode)p)]) };
    }

    /// <summary>The paths an upstream server lists, those of health checks among them.</summary>
    public static IReadOnlyList<string> KnownPaths()
    {
        using var facts = typeof(DiscoveryDocuments).Assembly.GetManifestResourceStream("discovery.json")!;
        using var document = JsonDocument.Parse(facts);
        return [.. document.RootElement.GetProperty("root").GetProperty("paths").EnumerateArray().Select(p => p.GetString()!)];
    }

    private static bool IsBuiltIn(IEnumerable<ApiResource> group) => group.Any(r => r.IsBuiltIn);

    private DiscoveryGroup? Find(string name) => name.Length == 0 ? _core : _groups.FirstOrDefault(g => g.Name == name);

    private static JsonObject LegacyGroup(DiscoveryGroup group)
    {
        var versions = group.Versions.Select(v => new JsonObject { ["groupVersion"] = $"{group.Name}/{v.Name}", ["version"] = v.Name }).ToList();
        return new JsonObject
        {
            ["name"] = group.Name,
            ["versions"] = new JsonArray([.. versions]),
            ["preferredVersion"] = versions[0].DeepClone(),
        };
    }

    private static JsonObject Aggregated(IReadOnlyList<DiscoveryGroup> groups)
    {
        var items = new JsonArray();
        foreach (var group in groups)
        {
            var metadata = new JsonObject();
            if (group.Name.Length > 0) metadata["name"] = group.Name;
            var versions = group.Versions.Select(v => (JsonNode)new JsonObject
            {
                ["version"] = v.Name,
                ["resources"] = v.AggregatedResources(),
                ["freshness"] = v.IsFresh ? "Current" : "Stale",
            });
            items.Add((JsonNode)new JsonObject { ["metadata"] = metadata, ["versions"] = new JsonArray([.. versions]) });
        }
        return new JsonObject { ["kind"] = "APIGroupDiscoveryList", ["apiVersion"] = "apidiscovery.k8s.io/v2", ["metadata"] = new JsonObject(), ["items"] = items };
    }

    private static string HashOf(JsonObject document) => $"\"{Convert.ToHexString(SHA512.HashData(Encoding.UTF8.GetBytes(document.ToJsonString())))}\"";
}
