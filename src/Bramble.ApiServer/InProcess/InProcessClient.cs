using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;
using Bramble.Client;
using Bramble.Client.Http;

namespace Bramble.ApiServer.InProcess;

/// <summary>The API without HTTP, for the parts of this process: the same pipeline (authorization, admission, validation), objects shared with the watch cache;
/// and by HTTPS what a server behind an APIService answers.
/// One identity; <see cref="As"/> makes another. Thread-safe.</summary>
public sealed class InProcessClient(ApiPipeline pipeline, UserInfo user, string userAgent = "bramble") : IKubeClient
{
    public UserInfo User { get; } = user;

    /// <summary>The same server as somebody else. <paramref name="agent"/> names the field manager of its writes (<c>kube-controller-manager</c>); null: as this one.</summary>
    public InProcessClient As(UserInfo other, string? agent = null) => new(pipeline, other, agent ?? userAgent);

    public async ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel)
    {
        if (Elsewhere(resource, name, "get") is { } other) return await other.FindAsync(resource, name, cancel);
        try
        {
            return (await SendAsync<ObjectAnswer>(resource, name, "get", "GET", null, null, null, "", cancel)).Object;
        }
        catch (StatusException e) when (e.IsNotFound && e.Status.Details?.Name == name.Name)
        {
            return null;
        }
    }

    public async ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel)
    {
        if (Elsewhere(resource, new(query.Namespace, ""), "list") is { } other) return await other.ListAsync(resource, query, cancel);
        var answer = await SendAsync<ListAnswer>(resource, new(query.Namespace, ""), "list", "GET", null, Parameters(query), null, "", cancel);
        var items = answer.Resource.IsConverted ? [.. answer.Items.Select(answer.Resource.ToServed)] : answer.Items;
        return new ObjectList(items, answer.Revision.ToString(CultureInfo.InvariantCulture), answer.Continue.Length > 0 ? answer.Continue : null);
    }

    public async IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (Elsewhere(resource, new(query.Namespace, ""), "watch") is { } other)
        {
            await foreach (var change in other.WatchAsync(resource, query, cancel)) yield return change;
            yield break;
        }
        var answer = await SendAsync<WatchAnswer>(resource, new(query.Namespace, ""), "watch", "GET", null, Parameters(query), null, "", cancel);
        await foreach (var step in answer.Stream.StepsAsync(cancel))
        {
            if (step.Error is { } error) throw new StatusException(error);
            yield return step.Object is { } obj
                ? new WatchEvent(step.Type, answer.Newest.ToServed(obj))
                : new WatchEvent(WatchEventType.Bookmark, new KubeObject(default, "", step.Revision, ReadOnlyMemory<byte>.Empty));
        }
        cancel.ThrowIfCancellationRequested();
    }

    public async ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel)
    {
        // The name of a main resource is in the body; in the path it would be another route.
        var path = subresource is null ? name with { Name = "" } : name;
        if (Elsewhere(resource, path, "create", subresource) is { } other) return await other.CreateAsync(resource, name, body, subresource, cancel);
        return ObjectOf(await SendAsync<ObjectAnswer>(resource, path, "create", "POST", subresource, null, body.DeepClone(), "", cancel));
    }

    public async ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel) =>
        Elsewhere(resource, name, "update", subresource) is { } other ? await other.UpdateAsync(resource, name, body, subresource, cancel) : ObjectOf(await SendAsync<ObjectAnswer>(resource, name, "update", "PUT", subresource, null, body.DeepClone(), "", cancel));

    public async ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel)
    {
        if (Elsewhere(resource, name, "patch", subresource) is { } other) return await other.PatchAsync(resource, name, patch, subresource, cancel);
        var query = new List<KeyValuePair<string, string>>();
        if (patch.FieldManager is { } manager) query.Add(new("fieldManager", manager));
        if (patch.Force) query.Add(new("force", "true"));
        var type = patch.Type switch
        {
            PatchType.Json => "application/json-patch+json",
            PatchType.Merge => "application/merge-patch+json",
            PatchType.Strategic => "application/strategic-merge-patch+json",
            _ => "application/apply-patch+yaml",
        };
        return ObjectOf(await SendAsync<ObjectAnswer>(resource, name, "patch", "PATCH", subresource, query, patch.Body.DeepClone(), type, cancel));
    }

    public async ValueTask<JsonObject> GetAsync(string path, IReadOnlyList<KeyValuePair<string, string>> query, CancellationToken cancel)
    {
        var parameters = query.Count == 0 ? QueryParameters.Empty : new QueryParameters(query);
        var info = RequestInfoReader.Read("GET", path, parameters);
        var request = new ApiRequest { Info = info, User = User, Query = parameters, UserAgent = userAgent };
        pipeline.Authorize(request);
        if (pipeline.Aggregator is { } aggregator && aggregator.Find(info) is { } remote) return await aggregator.GetAsync(remote, info, ClientStatus.Target(path, query), User, cancel);
        foreach (var group in pipeline.VirtualGroups)
            if (group.Discovery.Group == info.Group && group.Discovery.Version == info.Version) return await group.AnswerAsync(request, cancel);
        try
        {
            var answer = await pipeline.ExecuteAsync(pipeline.Route(request, "GET"), request, cancel);
            return JsonNode.Parse(((ObjectAnswer)answer).Json.Span)!.AsObject();
        }
        catch (StatusException e) when (ReferenceEquals(e.Status.Message, Router.PageNotFoundText))
        {
            throw ClientStatus.NotFound("get", new GroupResource(info.Group, info.Resource), info.Name);
        }
    }

    public async ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel)
    {
        if (Elsewhere(resource, name, "delete") is { } other) return await other.DeleteAsync(resource, name, query, cancel);
        var body = new JsonObject { ["kind"] = "DeleteOptions", ["apiVersion"] = "v1" };
        if (query.GracePeriodSeconds is { } grace) body["gracePeriodSeconds"] = grace;
        if (query.PropagationPolicy is { } policy) body["propagationPolicy"] = policy;
        if (query.Uid is not null || query.ResourceVersion is not null)
        {
            var preconditions = new JsonObject();
            if (query.Uid is { } uid) preconditions["uid"] = uid;
            if (query.ResourceVersion is { } version) preconditions["resourceVersion"] = version;
            body["preconditions"] = preconditions;
        }
        try
        {
            await SendAsync<ObjectAnswer>(resource, name, "delete", "DELETE", null, null, body, "", cancel);
            return true;
        }
        catch (StatusException e) when (e.IsNotFound)
        {
            return false;
        }
    }

    /// <summary>The server behind an APIService whose resource it is; null: this one. Authorized here as well as there.</summary>
    private HttpKubeClient? Elsewhere(ResourceId resource, NamespacedName name, string verb, string? subresource = null)
    {
        if (pipeline.Aggregator?.Find(resource.Group, resource.Version) is not { } remote) return null;
        pipeline.Authorize(Request(resource, name, verb, subresource, null, null, ""));
        return pipeline.Aggregator.ClientOf(remote, resource.GroupResource, name.Name, User);
    }

    private async ValueTask<T> SendAsync<T>(
        ResourceId resource, NamespacedName name, string verb, string method, string? subresource,
        IReadOnlyCollection<KeyValuePair<string, string>>? query, JsonNode? body, string contentType, CancellationToken cancel) where T : ApiAnswer
    {
        var request = Request(resource, name, verb, subresource, query, body, contentType);
        pipeline.Authorize(request);
        return (T)await pipeline.ExecuteAsync(pipeline.Route(request, method), request, cancel);
    }

    private ApiRequest Request(
        ResourceId resource, NamespacedName name, string verb, string? subresource, IReadOnlyCollection<KeyValuePair<string, string>>? query, JsonNode? body, string contentType)
    {
        var selector = query?.FirstOrDefault(parameter => parameter.Key == "fieldSelector").Value;
        var isNamespaces = resource is { Group: "", Plural: "namespaces" };
        var parts = name.Name.Length == 0 ? [resource.Plural] : subresource is null ? new[] { resource.Plural, name.Name } : [resource.Plural, name.Name, subresource];
        return new ApiRequest
        {
            Info = new RequestInfo(
                true,
                resource.Path(name.Namespace, name.Name.Length > 0 ? name.Name : null, subresource),
                verb,
                resource.Group.Length == 0 ? "api" : "apis",
                resource.Group,
                resource.Version,
                isNamespaces ? name.Name : resource.IsNamespaced ? name.Namespace : "",
                resource.Plural,
                subresource ?? "",
                // As over HTTP: a list or watch of one name by field selector is about that name.
                name.Name.Length == 0 && verb is ("list" or "watch") && selector is not null && RequestInfoReader.NameOfFieldSelector(selector) is { } selected ? selected : name.Name,
                parts),
            User = User,
            Query = query is null ? QueryParameters.Empty : new QueryParameters(query),
            ContentType = contentType,
            UserAgent = userAgent,
            Tree = body,
        };
    }

    private static List<KeyValuePair<string, string>> Parameters(ListQuery query)
    {
        var pairs = new List<KeyValuePair<string, string>>();
        if (query.LabelSelector is { } labels) pairs.Add(new("labelSelector", labels));
        if (query.FieldSelector is { } fields) pairs.Add(new("fieldSelector", fields));
        if (query.ResourceVersion is { } version) pairs.Add(new("resourceVersion", version));
        if (query.Limit > 0) pairs.Add(new("limit", query.Limit.ToString(CultureInfo.InvariantCulture)));
        if (query.Continue is { } token) pairs.Add(new("continue", token));
        return pairs;
    }

    private static KubeObject ObjectOf(ObjectAnswer answer)
    {
        if (answer.Object is { } obj) return obj;
        // A view or the answer of a special endpoint: it has no version of its own in the cache.
        var tree = JsonNode.Parse(answer.Json.Span)!.AsObject();
        var meta = tree["metadata"] as JsonObject ?? [];
        _ = long.TryParse(meta.Text("resourceVersion"), NumberStyles.None, CultureInfo.InvariantCulture, out var version);
        return new KubeObject(new(meta.Text("namespace"), meta.Text("name")), meta.Text("uid"), version, answer.Json);
    }
}
