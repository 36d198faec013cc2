using System.Collections.Concurrent;
using Bramble.Api.Catalog;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.CustomResources;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Verbs;

/// <summary>The resources the server serves, by group, version and plural name: the built-in ones, and those of the CustomResourceDefinitions that are
/// established at this moment. Thread-safe.</summary>
internal sealed class ResourceTable(WatchCache cache, IReadOnlyDictionary<GroupResource, KindStrategy> strategies)
{
    private static readonly KindStrategy Plain = new PlainStrategy();
    private readonly ResourceCache _definitions = cache.Of(new("apiextensions.k8s.io", "customresourcedefinitions"));
    private readonly ConcurrentDictionary<(string Group, string Version, string Plural), ServedResource> _served = new();
    private readonly Lock _lock = new();
    private Custom _custom = new(-1, ApiCatalog.BuiltIn, new Dictionary<(string, string, string), ServedResource>(), new Dictionary<string, Kept>());

    /// <summary>What follows from the definitions at a revision.</summary>
    /// <param name="ByDefinition">What follows from each of them: the next revision leaves most as they were, and with them what is compiled for them.</param>
    private sealed record Custom(
        long Revision, ApiCatalog Catalog, IReadOnlyDictionary<(string Group, string Version, string Plural), ServedResource> Served,
        IReadOnlyDictionary<string, Kept> ByDefinition);

    /// <summary>What follows from a definition of a revision.</summary>
    private sealed class Kept(long revision, IReadOnlyList<ServedResource> served)
    {
        public long Revision => revision;
        public IReadOnlyList<ServedResource> Served => served;
    }

    /// <summary>All that is served now.</summary>
    public ApiCatalog Catalog => Current().Catalog;

    /// <summary>The custom resources that are served now.</summary>
    public IEnumerable<ServedResource> CustomResources => Current().Served.Values;

    /// <summary>Null: no such resource.</summary>
    public ServedResource? Find(string group, string version, string plural)
    {
        if (_served.TryGetValue((group, version, plural), out var known)) return known;
        if (ApiCatalog.BuiltIn.Find(group, version, plural) is { } api) return _served.GetOrAdd((group, version, plural), Make(api));
        return Current().Served.GetValueOrDefault((group, version, plural));
    }

    /// <summary>A custom resource as its definition of now has it, for those who watch on; one that is not served any more as it was last.</summary>
    public ServedResource Newest(ServedResource resource) =>
        resource.Definition is null ? resource : Current().Served.GetValueOrDefault((resource.Api.Group, resource.Api.Version, resource.Api.Plural)) ?? resource;

    /// <summary>A resource in its preferred version.</summary>
    public ServedResource Get(GroupResource resource) =>
        Catalog.Versions(resource) is [var preferred, ..]
            ? Find(preferred.Group, preferred.Version, preferred.Plural)!
            : throw StatusErrors.Internal($"there is no resource {resource}");

    /// <summary>A version in which a resource is served; null: it is not.</summary>
    public string? VersionOf(GroupResource resource) => Catalog.Versions(resource) is [var preferred, ..] ? preferred.Version : null;

    private Custom Current()
    {
        var known = Volatile.Read(ref _custom);
        var state = _definitions.Current;
        if (known.Revision == state.Revision) return known;
        lock (_lock)
        {
            if (_custom.Revision == state.Revision) return _custom;
            var served = new Dictionary<(string, string, string), ServedResource>();
            var byDefinition = new Dictionary<string, Kept>(StringComparer.Ordinal);
            foreach (var obj in state.Items.Range(""))
            {
                if (!_custom.ByDefinition.TryGetValue(obj.Name.Name, out var kept) || kept.Revision != obj.ResourceVersion)
                {
                    var definition = new Definition(obj);
                    kept = new Kept(obj.ResourceVersion, definition is { IsEstablished: true, OverlapsBuiltIn: false } ? [.. definition.Resources(cache)] : []);
                }
                byDefinition[obj.Name.Name] = kept;
                foreach (var resource in kept.Served) served[(resource.Api.Group, resource.Api.Version, resource.Api.Plural)] = resource;
            }
            var custom = new Custom(state.Revision, ApiCatalog.BuiltIn.With(served.Values.Select(r => r.Api)), served, byDefinition);
            Volatile.Write(ref _custom, custom);
            return custom;
        }
    }

    private ServedResource Make(ApiResource api) => new(
        api,
        TypeOf(api.GroupVersionKind),
        TypeOf(ServedResource.WorkingKindOf(api)),
        strategies.GetValueOrDefault(api.GroupResource) ?? Plain,
        cache.Of(api.GroupResource));

    private static SchemaType TypeOf(GroupVersionKind kind) =>
        BuiltInSchemas.FindKind(kind) ?? throw new InvalidOperationException($"the schema has no type for {kind}");

    private sealed class PlainStrategy : KindStrategy;
}
