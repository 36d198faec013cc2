using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Aggregation;

/// <summary>What a remote server last said of itself.</summary>
/// <param name="Resources">The <c>resources</c> of its APIResourceList.</param>
/// <param name="OpenApiUrl">Where its OpenAPI v3 document is, with its hash; null: it has none.</param>
internal sealed record RemoteKnowledge(JsonArray Resources, string? OpenApiUrl);
