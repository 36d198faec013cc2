using System.Collections.Frozen;
using Bramble.Api.Catalog;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Requests;

namespace Bramble.ApiServer.Aggregation;

/// <summary>The remote services by group version, derived from the watch cache when an APIService has changed. A request costs one look-up. Thread-safe.</summary>
internal sealed class RemoteServiceIndex(IResourceReader reader)
{
    public static readonly GroupResource ApiServices = new("apiregistration.k8s.io", "apiservices");

    private sealed record Known(long Revision, IReadOnlyCollection<RemoteService> All, FrozenDictionary<(string Group, string Version), RemoteService> ByGroupVersion);

    private static readonly FrozenSet<(string, string)> BuiltIn = ApiCatalog.BuiltIn.Resources.Select(r => (r.Group, r.Version)).ToFrozenSet();

    private Known _known = new(-1, [], FrozenDictionary<(string, string), RemoteService>.Empty);

    /// <summary>The same collection until an APIService changes.</summary>
    public IReadOnlyCollection<RemoteService> All => Current().All;

    /// <summary>Who answers a request; null: this server.</summary>
    public RemoteService? Find(RequestInfo info)
    {
        var services = Current().ByGroupVersion;
        if (services.Count == 0) return null;
        return services.GetValueOrDefault(info.IsResourceRequest ? (info.Group, info.Version) : GroupVersionOf(info.Path));
    }

    /// <inheritdoc cref="Find(RequestInfo)"/>
    public RemoteService? Find(string group, string version) => Current().ByGroupVersion.GetValueOrDefault((group, version));

    /// <summary><c>/apis/GROUP/VERSION</c> and its document below <c>/openapi/v3</c>.</summary>
    private static (string Group, string Version) GroupVersionOf(string path) => path.Trim('/').Split('/') switch
    {
        ["apis", var group, var version] => (group, version),
        ["openapi", "v3", "apis", var group, var version] => (group, version),
        _ => ("", ""),
    };

    private Known Current()
    {
        var (known, revision) = (Volatile.Read(ref _known), reader.Revision(ApiServices));
        if (known.Revision == revision) return known;
        var services = new Dictionary<(string, string), RemoteService>();
        // The groups of this server are its own, whoever registers them.
        foreach (var apiService in reader.List(ApiServices))
            if (RemoteService.Read(apiService) is { } service && !BuiltIn.Contains((service.Group, service.Version))) services[(service.Group, service.Version)] = service;
        known = new Known(revision, services.Count == 0 ? [] : [.. services.Values], services.ToFrozenDictionary());
        Volatile.Write(ref _known, known);
        return known;
    }
}
