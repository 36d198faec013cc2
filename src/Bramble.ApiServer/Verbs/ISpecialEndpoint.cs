using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Requests;
using Bramble.Client;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Verbs;

/// <summary>A resource or subresource that is not simply stored: reviews (tokenreviews, subjectaccessreviews…), componentstatuses, pods/binding, pods/eviction,
/// serviceaccounts/token. The pipeline has authorized, decoded and defaulted the body and run admission before it calls.</summary>
public interface ISpecialEndpoint
{
    GroupResource Resource { get; }

    /// <summary>Empty: the resource itself is virtual.</summary>
    string Subresource { get; }

    /// <summary>Defaults of the body, before its managedFields are recorded.</summary>
    void Default(JsonObject body) { }

    /// <summary>Answers get, list or create (Info.Verb). A refusal is a <see cref="Bramble.Api.Errors.StatusException"/>.</summary>
    ValueTask<SpecialAnswer> HandleAsync(SpecialRequest request, CancellationToken cancel);
}

/// <summary>What a special endpoint answers: the code (200, 201…) and the object with apiVersion and kind; of a list the items, before its selectors.</summary>
public readonly record struct SpecialAnswer(int Code, JsonObject Object);

/// <summary>A request to a special endpoint.</summary>
/// <param name="Body">Decoded by the schema of the (sub)resource's kind; null for get and list.</param>
public sealed record SpecialRequest(ApiRequest Request, JsonObject? Body, bool IsDryRun, IResourceReader Reader, IObjectWriter Writer)
{
    public RequestInfo Info => Request.Info;
    public UserInfo User => Request.User;
    public NamespacedName Name => new(Info.Namespace, Info.Name);
}

/// <summary>Writes on behalf of an endpoint's caller; authorization is done. But for <see cref="ChangeStoredAsync"/> they go through the whole pipeline (strategy, validation, admission, managedFields, store, cache).</summary>
public interface IObjectWriter
{
    /// <summary>Reads the newest object, lets <paramref name="change"/> edit the tree (false: nothing to write), writes it as an update of
    /// <paramref name="subresource"/>; again from the start when somebody else was faster. 404 when there is none.</summary>
    ValueTask<KubeObject> UpdateAsync(
        GroupResource resource, NamespacedName name, string subresource, ApiRequest request, bool isDryRun, Func<JsonObject, bool> change, CancellationToken cancel);

    /// <summary>As <see cref="UpdateAsync"/>, but of the stored object itself: past strategy, admission and managedFields.</summary>
    ValueTask<KubeObject> ChangeStoredAsync(
        GroupResource resource, NamespacedName name, ApiRequest request, bool isDryRun, Func<JsonObject, bool> change, CancellationToken cancel);

    /// <summary>Stores a new object.</summary>
    ValueTask<KubeObject> CreateAsync(GroupResource resource, string ns, JsonObject obj, ApiRequest request, bool isDryRun, CancellationToken cancel);

    /// <summary>Deletes with DeleteOptions (null: none); the answer is the deleted object or a Status, as DELETE answers.</summary>
    ValueTask<JsonObject> DeleteAsync(GroupResource resource, NamespacedName name, JsonObject? options, ApiRequest request, bool isDryRun, CancellationToken cancel);
}

/// <summary>A subresource that shows a part of its parent as another kind (scale). get, update, patch and apply work on the view.</summary>
public interface ISubresourceView
{
    GroupResource Resource { get; }
    string Subresource { get; }

    /// <summary>Where the parent has its replicas.</summary>
    IReadOnlyList<string> ReplicasPath { get; }

    /// <summary>The view of a parent object.</summary>
    JsonObject Read(JsonObject parent);

    /// <summary>The view that a write begins with.</summary>
    JsonObject ReadForWrite(JsonObject parent) => Read(parent);

    /// <summary>Writes the view's fields into the parent. What is wrong with the view is added to <paramref name="errors"/>.</summary>
    void Write(JsonObject view, JsonObject parent, Bramble.Api.Errors.FieldErrors errors);
}

/// <summary>A request that owns the connection: pods/exec, attach, portforward, log, proxy, nodes/proxy, services/proxy. Authorized before.</summary>
public interface IStreamingEndpoint
{
    GroupResource Resource { get; }
    string Subresource { get; }

    /// <summary>The request is admitted as Connect before; a log is only read.</summary>
    bool IsConnect => true;

    /// <summary>Answers on <paramref name="http"/> itself. Before the first byte a refusal may be thrown as a <see cref="Bramble.Api.Errors.StatusException"/>.</summary>
    Task HandleAsync(ApiRequest request, HttpContext http, CancellationToken cancel);
}
