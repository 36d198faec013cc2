namespace Bramble.ApiServer.Requests;

/// <summary>What a request wants, read from method and path (behaviour of apiserver's RequestInfoFactory). Verb is the API verb
/// (get, list, watch, create, update, patch, delete, deletecollection, proxy) or the lower-case method of a non-resource request.</summary>
public sealed record RequestInfo(
    bool IsResourceRequest,
    string Path,
    string Verb,
    string ApiPrefix = "",
    string Group = "",
    string Version = "",
    string Namespace = "",
    string Resource = "",
    string Subresource = "",
    string Name = "",
    IReadOnlyList<string>? Parts = null);
