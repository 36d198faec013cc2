using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.Client;

/// <summary>A patch and how it is to be understood.</summary>
public sealed record Patch(PatchType Type, JsonNode Body, string? FieldManager = null, bool Force = false);

/// <summary>The patch formats of the API.</summary>
public enum PatchType { Json, Merge, Strategic, Apply }

/// <summary>What to list or watch. <c>Namespace</c> empty: all. <c>ResourceVersion</c> null: the newest; for a watch: everything, then what follows.</summary>
public sealed record ListQuery(
    string Namespace = "",
    string? LabelSelector = null,
    string? FieldSelector = null,
    string? ResourceVersion = null,
    int Limit = 0,
    string? Continue = null);

/// <summary>How to delete. <c>GracePeriodSeconds</c> null: the kind's own. Uid and ResourceVersion are preconditions (409 when they do not hold).</summary>
public sealed record DeleteQuery(int? GracePeriodSeconds = null, string? PropagationPolicy = null, string? Uid = null, string? ResourceVersion = null);

/// <summary>A page of objects as they stood together at <c>ResourceVersion</c>.</summary>
public sealed record ObjectList(IReadOnlyList<KubeObject> Items, string ResourceVersion, string? Continue);

/// <summary>Access to the Kubernetes API as one identity: in-process (no HTTP, no TLS, objects shared with the watch cache) or over HTTPS.
/// Every call goes through authorization, admission and validation. Failures are a <see cref="Bramble.Api.Errors.StatusException"/>. Thread-safe.</summary>
public interface IKubeClient
{
    /// <summary>Null when it does not exist.</summary>
    ValueTask<KubeObject?> FindAsync(ResourceId resource, NamespacedName name, CancellationToken cancel);

    ValueTask<ObjectList> ListAsync(ResourceId resource, ListQuery query, CancellationToken cancel);

    /// <summary>Events until the server closes the watch or <paramref name="cancel"/>. 410 Expired is a StatusException: list again.</summary>
    IAsyncEnumerable<WatchEvent> WatchAsync(ResourceId resource, ListQuery query, CancellationToken cancel);

    /// <param name="subresource">With <paramref name="name"/>'s Name set: create of a subresource (<c>binding</c>, <c>eviction</c>, <c>token</c>).</param>
    ValueTask<KubeObject> CreateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel);

    /// <summary>Replaces the object; a resourceVersion in <paramref name="body"/> is a precondition.</summary>
    ValueTask<KubeObject> UpdateAsync(ResourceId resource, NamespacedName name, JsonObject body, string? subresource, CancellationToken cancel);

    ValueTask<KubeObject> PatchAsync(ResourceId resource, NamespacedName name, Patch patch, string? subresource, CancellationToken cancel);

    /// <summary>Any GET by its path: a subresource, or a group that another part or another server answers (metrics.k8s.io). A 404 is an exception; one
    /// that is no Status has client-go's words.</summary>
    /// <exception cref="NotSupportedException">This client reads objects only.</exception>
    ValueTask<JsonObject> GetAsync(string path, IReadOnlyList<KeyValuePair<string, string>> query, CancellationToken cancel) =>
        throw new NotSupportedException($"{GetType().Name} reads objects only, not {path}");

    /// <summary>True when it was there.</summary>
    ValueTask<bool> DeleteAsync(ResourceId resource, NamespacedName name, DeleteQuery query, CancellationToken cancel);
}
