using Bramble.Api.Catalog;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Serving;

namespace Bramble.ApiServer.Verbs;

/// <summary>Where a resource request goes.</summary>
/// <param name="Subresource">Null: the resource itself.</param>
internal sealed record Route(
    ServedResource Resource, ApiSubresource? Subresource, ISpecialEndpoint? Special, ISubresourceView? View, IStreamingEndpoint? Streaming, bool IsWatch)
{
    /// <summary>Kind of the bodies that go in and out.</summary>
    public GroupVersionKind Kind => Subresource?.Kind ?? Resource.Kind;

    /// <summary>Objects are answered that can be shown as Tables and metadata.</summary>
    public bool AnswersObjects => Special is null || Subresource is null && Resource.Api.HasVerb("list");
}

/// <summary>Finds the route of a request; 404 and 405 as upstream's router answers them.</summary>
internal sealed class Router
{
    private static readonly string[] NoVerbs = [];
    private readonly ResourceTable _resources;
    private readonly Dictionary<(GroupResource, string), ISpecialEndpoint> _special;
    private readonly Dictionary<(GroupResource, string), ISubresourceView> _views;
    private readonly Dictionary<(GroupResource, string), IStreamingEndpoint> _streaming;

    public Router(ResourceTable resources, ApiServerParts parts)
    {
        _resources = resources;
        _special = parts.SpecialEndpoints.ToDictionary(e => (e.Resource, e.Subresource));
        _views = ScaleView.BuiltIn.Concat(parts.Views).DistinctBy(v => (v.Resource, v.Subresource)).ToDictionary(v => (v.Resource, v.Subresource));
        _streaming = parts.StreamingEndpoints.ToDictionary(e => (e.Resource, e.Subresource));
    }

    public static StatusException NotFound() => new(new Status(404, "NotFound", "the server could not find the requested resource", new StatusDetails()));

    /// <summary>A path that nobody serves: said in plain text.</summary>
    public static StatusException PageNotFound() => new(new Status(404, "NotFound", PageNotFoundText));

    public const string PageNotFoundText = "404 page not found";

    public static StatusException NotAllowed() =>
        new(new Status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", new StatusDetails()));

    /// <param name="method">The HTTP method; an in-process call says the one its verb has.</param>
    public Route Find(RequestInfo info, string method)
    {
        if (_resources.Find(info.Group, info.Version, info.Resource) is not { } resource) throw ApiCatalog.BuiltIn.HasGroup(info.Group) ? NotFound() : PageNotFound();
        var parts = info.Parts ?? NoVerbs;
        if (parts.Any(p => p.Length == 0)) throw NotFound();
        var hasName = parts.Count > 1;
        var isWatch = info.Verb == "watch";
        if (!resource.IsNamespaced && info.Namespace.Length > 0 && resource.GroupResource is not { Group: "", Resource: "namespaces" })
            throw resource.Definition is null ? NotFound() : PageNotFound();
        // Of custom resources only lists and watches are there without a namespace; who asks for something else asks nobody.
        if (resource.IsNamespaced && info.Namespace.Length == 0 && (hasName || resource.Definition is not null && info.Verb is not ("list" or "watch")))
            throw resource.Definition is null ? NotFound() : PageNotFound();
        if (parts.Count > 2) return FindSubresource(resource, info, method, parts);
        var verb = info.Verb;
        var isOnlyListed = resource.IsNamespaced && info.Namespace.Length == 0;
        var isKnown = verb.Length > 0 && method is not ("HEAD" or "OPTIONS") && (resource.Api.HasVerb(verb) || verb == "deletecollection" && resource.Api.HasVerb("deletecollection"));
        if (isOnlyListed && !resource.Api.HasVerb("list")) throw NotFound();
        var isOfWrongPath = hasName ? verb is "list" or "create" or "deletecollection" : verb is "update" or "patch";
        if (isWatch && !isKnown && resource.Api.HasVerb("list")) throw StatusErrors.MethodNotAllowed(resource.GroupResource, verb);
        if (!isKnown || isOnlyListed && verb is not ("list" or "watch") || isOfWrongPath) throw NotAllowed();
        _special.TryGetValue((resource.GroupResource, ""), out var special);
        if (special is null && !resource.Api.IsStored) throw NotFound();
        return new Route(resource, null, special, null, null, isWatch);
    }

    private Route FindSubresource(ServedResource resource, RequestInfo info, string method, IReadOnlyList<string> parts)
    {
        var name = parts[2];
        if (resource.Api.FindSubresource(name) is not { } subresource)
            throw resource.Definition is null ? NotFound() : StatusErrors.NotFound(resource.GroupResource, parts[1]);
        var key = (resource.GroupResource, name);
        if (_streaming.TryGetValue(key, out var streaming)) return new Route(resource, subresource, null, null, streaming, false);
        if (parts.Count > 3) throw NotFound();
        if (method is "HEAD" or "OPTIONS" || !subresource.Verbs.Contains(info.Verb)) throw NotAllowed();
        if (_special.TryGetValue(key, out var special)) return new Route(resource, subresource, special, null, null, false);
        if (name == "scale" && resource.Definition?.Scale is { } scale) return new Route(resource, subresource, null, scale, null, false);
        if (_views.TryGetValue(key, out var view)) return new Route(resource, subresource, null, view, null, false);
        if (subresource.Kind != resource.Kind || info.Verb is not ("get" or "update" or "patch")) throw NotFound();
        return new Route(resource, subresource, null, null, null, false);
    }
}
