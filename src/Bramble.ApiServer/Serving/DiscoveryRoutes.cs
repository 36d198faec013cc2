using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Discovery;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary><c>/</c>, <c>/api</c>, <c>/apis</c> and below: which resources there are, plain and aggregated.</summary>
internal static class DiscoveryRoutes
{
    /// <summary>The documents of a catalog and of other servers; all change together.</summary>
    private sealed record Known(ApiCatalog Catalog, IReadOnlyList<RemoteGroupVersion> Remote, DiscoveryDocuments Documents);

    /// <param name="own">Groups that this server makes up.</param>
    /// <param name="remote">Groups of other servers; the same list until something changes.</param>
    public static void AddTo(NonResourceRoutes routes, ResourceTable resources, IReadOnlyList<RemoteGroupVersion> own, Func<IReadOnlyList<RemoteGroupVersion>> remote)
    {
        Known? known = null;
        DiscoveryDocuments Documents()
        {
            var (catalog, others) = (resources.Catalog, remote());
            if (Volatile.Read(ref known) is { } current && current.Catalog == catalog && ReferenceEquals(current.Remote, others)) return current.Documents;
            // Who registers another server for a group that is made up here gets it.
            var made = new Known(catalog, others, new DiscoveryDocuments(catalog, [.. others, .. own.Where(group => !others.Any(other => (other.Group, other.Version) == (group.Group, group.Version)))]));
            Volatile.Write(ref known, made);
            return made.Documents;
        }
        routes.Add(new NonResourceRoute("/", (http, _, cancel) => TreeAsync(http, Documents().RootPaths(), cancel)));
        foreach (var root in (ReadOnlySpan<string>)["/api", "/api/"])
            routes.Add(new NonResourceRoute(root, (http, _, cancel) => OnlyGet(http, () => CoreAsync(http, Documents(), cancel), cancel)));
        // Upstream answers /apis to every method.
        foreach (var root in (ReadOnlySpan<string>)["/apis", "/apis/"])
            routes.Add(new NonResourceRoute(root, (http, _, cancel) => GroupsAsync(http, Documents(), cancel)));
        foreach (var prefix in (ReadOnlySpan<string>)["/api/", "/apis/"])
            routes.Add(new NonResourceRoute(prefix, (http, _, cancel) => GroupAsync(http, Documents(), cancel), IsPrefix: true));
    }

    private static Task CoreAsync(HttpContext http, DiscoveryDocuments documents, CancellationToken cancel)
    {
        var form = Negotiate(http);
        return form.Transform == AnswerTransform.Discovery
            ? AggregatedAsync(http, documents.AggregatedCore(), documents.AggregatedCoreTag, form, cancel)
            : AnswerWriter.WriteTreeAsync(http, 200, DiscoveryDocuments.ApiVersions($"{http.Request.Host.Value}"), Plain(form), cancel);
    }

    private static Task GroupsAsync(HttpContext http, DiscoveryDocuments documents, CancellationToken cancel)
    {
        var form = Negotiate(http);
        return form.Transform == AnswerTransform.Discovery
            ? AggregatedAsync(http, documents.AggregatedGroups(), documents.AggregatedGroupsTag, form, cancel)
            : AnswerWriter.WriteTreeAsync(http, 200, documents.Groups(), Plain(form), cancel);
    }

    private static async Task GroupAsync(HttpContext http, DiscoveryDocuments documents, CancellationToken cancel)
    {
        var parts = (http.Request.Path.Value ?? "").Trim('/').Split('/');
        var document = parts switch
        {
            ["api", var version] => documents.Resources("", version),
            ["apis", var group] => documents.Group(group),
            ["apis", var group, var version] => documents.Resources(group, version),
            _ => null,
        };
        if (document is not null)
        {
            await OnlyGet(http, () => TreeAsync(http, document, cancel), cancel);
            return;
        }
        http.Response.StatusCode = 404;
        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.Headers["X-Content-Type-Options"] = "nosniff";
        await http.Response.WriteAsync("404 page not found\n", cancel);
    }

    /// <summary>405 to anything but GET and HEAD.</summary>
    public static Task OnlyGet(HttpContext http, Func<Task> answer, CancellationToken cancel) =>
        HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method)
            ? answer()
            : AnswerWriter.WriteStatusAsync(http, Router.NotAllowed().Status, AnswerFormat.Json, cancel);

    /// <summary>A document as JSON or YAML.</summary>
    public static Task TreeAsync(HttpContext http, JsonObject tree, CancellationToken cancel) =>
        AnswerWriter.WriteTreeAsync(http, 200, tree, Plain(MediaTypes.Negotiate(http.Request.Headers.Accept.ToString(), mayStream: false, Transforms.None, hasProtobuf: true)), cancel);

    private static Negotiated Negotiate(HttpContext http) =>
        MediaTypes.Negotiate(http.Request.Headers.Accept.ToString(), mayStream: false, Transforms.Discovery, hasProtobuf: true);

    // The plain documents are for old clients and people: they have no protobuf form here.
    private static Negotiated Plain(Negotiated form) => form.Format == AnswerFormat.Protobuf ? form with { Format = AnswerFormat.Json } : form;

    private static Task AggregatedAsync(HttpContext http, JsonObject document, string tag, Negotiated form, CancellationToken cancel)
    {
        var response = http.Response;
        response.Headers.ETag = tag;
        response.Headers.Vary = "Accept";
        response.Headers.CacheControl = "public";
        if (http.Request.Headers.IfNoneMatch.ToString() == tag)
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        return AnswerWriter.WriteTreeAsync(http, 200, document, form, cancel);
    }
}
