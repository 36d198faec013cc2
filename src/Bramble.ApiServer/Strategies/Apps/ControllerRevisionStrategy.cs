using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to ControllerRevisions: their data never changes.</summary>
internal sealed class ControllerRevisionStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;

    public override void Validate(JsonObject revision, FieldErrors errors, StrategyContext context)
    {
        NumberRules.NonNegative(revision.Long("revision"), FieldPath.Of("revision"), errors);
        if (!revision.Has("data")) errors.Required("data", "data is mandatory");
        else if (revision.Object("data") is null) errors.Required("data", "data must be a valid JSON object");
    }

    public override void ValidateUpdate(JsonObject revision, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        NumberRules.NonNegative(revision.Long("revision"), FieldPath.Of("revision"), errors);
        ImmutableRules.Field(revision, old, "data", FieldPath.Of("data"), errors);
    }
}
