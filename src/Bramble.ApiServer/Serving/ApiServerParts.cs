using Bramble.Api.Naming;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Aggregation;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.Serving;

/// <summary>What the composition plugs into the pipeline: lists written out by their owners.</summary>
public sealed record ApiServerParts
{
    /// <summary>What is special to a kind, by group and resource; a resource without an entry is served by its schema alone.</summary>
    public required IReadOnlyDictionary<GroupResource, KindStrategy> Strategies { get; init; }

    public required AdmissionChain Admission { get; init; }
    public required IAuthorizer Authorizer { get; init; }
    public IReadOnlyList<ISpecialEndpoint> SpecialEndpoints { get; init; } = [];
    public IReadOnlyList<ISubresourceView> Views { get; init; } = [];
    public IReadOnlyList<IStreamingEndpoint> StreamingEndpoints { get; init; } = [];
    public IReadOnlyList<IVirtualGroup> VirtualGroups { get; init; } = [];

    /// <summary>Null: APIServices of other servers are not served (tests).</summary>
    public Aggregator? Aggregator { get; init; }
}
