using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to RuntimeClasses.</summary>
internal sealed class RuntimeClassStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override bool AllowsPlainFinalizers => true;
    public override bool AllowsCreateOnUpdate => true;
    public override bool AllowsUnconditionalUpdate => false;

    public override void Validate(JsonObject @class, FieldErrors errors, StrategyContext context) => RuntimeClassRules.Validate(@class, errors);

    public override void ValidateUpdate(JsonObject @class, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        RuntimeClassRules.Validate(@class, errors);
        ImmutableRules.Field(@class, old, "handler", FieldPath.Of("handler"), errors);
    }

    public override IEnumerable<string> Warnings(JsonObject @class, JsonObject? old)
    {
        foreach (var (key, _) in @class.Object("scheduling").TextMap("nodeSelector"))
            if (NodeLabels.Deprecation(key) is { } message) yield return $"{FieldPath.Of("scheduling").Child("nodeSelector")}: {message}";
    }
}
