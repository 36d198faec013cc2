using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to EndpointSlices: labels count as a new generation too.</summary>
internal sealed class EndpointSliceStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeOnly;
    public override bool CountsGeneration => true;
    protected override IReadOnlyList<string> GenerationFields { get; } = ["addressType", "endpoints", "ports"];

    public override void Default(JsonObject slice)
    {
        foreach (var (_, port) in slice.Items("ports"))
        {
            port.DefaultTo("name", "");
            port.DefaultTo("protocol", "TCP");
        }
    }

    public override void PrepareForCreate(JsonObject slice, StrategyContext context)
    {
        base.PrepareForCreate(slice, context);
        DropTopology(slice, null);
    }

    /// <summary>deprecatedTopology cannot be written by v1; the node it once named stays.</summary>
    private static void DropTopology(JsonObject slice, JsonObject? old)
    {
        const string host = "kubernetes.io/hostname";
        if (old is not null && !slice.Differs(old, "endpoints")) return;
        foreach (var (_, endpoint) in slice.Items("endpoints"))
        {
            var node = endpoint.Object("deprecatedTopology").Text(host);
            var wasNamed = false;
            foreach (var (_, before) in old.Items("endpoints")) wasNamed |= node.Length > 0 && before.Object("deprecatedTopology").Text(host) == node;
            if (wasNamed && !endpoint.Has("nodeName") && Formats.DnsSubdomain(node).Count == 0) endpoint["nodeName"] = node;
            endpoint.Remove("deprecatedTopology");
        }
    }

    public override void PrepareForUpdate(JsonObject slice, JsonObject old, StrategyContext context)
    {
        base.PrepareForUpdate(slice, old, context);
        if (slice.Differs(old, "metadata", "labels")) slice.BumpGeneration(old);
        DropTopology(slice, old);
    }

    public override void Validate(JsonObject slice, FieldErrors errors, StrategyContext context) => EndpointSliceRules.Validate(slice, null, errors);

    public override void ValidateUpdate(JsonObject slice, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        EndpointSliceRules.Validate(slice, old, errors);
        ImmutableRules.Field(slice, old, "addressType", FieldPath.Of("addressType"), errors);
    }

    public override IEnumerable<string> Warnings(JsonObject slice, JsonObject? old)
    {
        if (old is null && slice.Text("addressType") == "FQDN") yield return "spec.addressType: FQDN endpoints are deprecated";
        // The controllers write only addresses that are right.
        if (slice.Labels().Text("endpointslice.kubernetes.io/managed-by") is "endpointslice-controller.k8s.io" or "endpointslicemirroring-controller.k8s.io") yield break;
        foreach (var (index, endpoint) in slice.Items("endpoints"))
        {
            var position = 0;
            foreach (var address in endpoint.Texts("addresses"))
                if (IpRules.Warning(FieldPath.Of("endpoints").Index(index).Child("addresses").Index(position++), address) is { } warning) yield return warning;
        }
    }
}
