using System.Collections.Concurrent;
using Bramble.Api.Catalog;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Verbs;

/// <summary>The resources the server serves, by group, version and plural name. Thread-safe.</summary>
internal sealed class ResourceTable(ApiCatalog catalog, WatchCache cache, IReadOnlyDictionary<GroupResource, KindStrategy> strategies)
{
    private static readonly KindStrategy Plain = new PlainStrategy();
    private readonly ConcurrentDictionary<(string Group, string Version, string Plural), ServedResource> _served = new();

    public ApiCatalog Catalog { get; } = catalog;

    /// <summary>Null: no such resource.</summary>
    public ServedResource? Find(string group, string version, string plural)
    {
        if (_served.TryGetValue((group, version, plural), out var known)) return known;
        return Catalog.Find(group, version, plural) is { } api ? _served.GetOrAdd((group, version, plural), Make(api)) : null;
    }

    /// <summary>A resource in its preferred version.</summary>
    public ServedResource Get(GroupResource resource) =>
        Catalog.Versions(resource) is [var preferred, ..]
            ? Find(preferred.Group, preferred.Version, preferred.Plural)!
            : throw StatusErrors.Internal($"there is no resource {resource}");

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
