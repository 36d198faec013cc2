using System.Text.Json.Nodes;
using Bramble.ApiServer.Authentication;

namespace Bramble.ApiServer.Requests;

/// <summary>One API request after authentication, whether it came over HTTP or from inside the process. One request's: not thread-safe.</summary>
public sealed class ApiRequest
{
    public required RequestInfo Info { get; init; }

    /// <summary>Who asks, after impersonation.</summary>
    public required UserInfo User { get; set; }

    public QueryParameters Query { get; init; } = QueryParameters.Empty;

    /// <summary>Content-Type as sent; empty: none.</summary>
    public string ContentType { get; init; } = "";

    /// <summary>User-Agent; its part before the first slash names the field manager when the request names none.</summary>
    public string UserAgent { get; init; } = "";

    /// <summary>The body as sent.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The body of an in-process caller, instead of <see cref="Body"/>; the pipeline may change it.</summary>
    public JsonNode? Tree { get; init; }

    /// <summary>Warnings for the client (Warning headers), in order.</summary>
    public List<string> Warnings { get; } = [];
}
