using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Leases. Coordinated leader election (KEP-4355) is off: its fields are dropped unless in use.</summary>
internal sealed class LeaseStrategy : KindStrategy
{
    public override bool AllowsCreateOnUpdate => true;
    public override bool AllowsUnconditionalUpdate => false;
    public override bool AllowsPlainFinalizers => true;

    public override void PrepareForCreate(JsonObject lease, StrategyContext context) => DropCoordination(lease, null);

    public override void PrepareForUpdate(JsonObject lease, JsonObject old, StrategyContext context) => DropCoordination(lease, old.Object("spec"));

    private static void DropCoordination(JsonObject lease, JsonObject? before)
    {
        if (!before.Has("strategy")) lease.Object("spec")?.Remove("strategy");
        if (!before.Has("preferredHolder")) lease.Object("spec")?.Remove("preferredHolder");
    }

    public override void Validate(JsonObject lease, FieldErrors errors, StrategyContext context)
    {
        var (spec, path) = (lease.Object("spec") ?? [], FieldPath.Spec);
        if (spec.LongOrNull("leaseDurationSeconds") is <= 0 and var seconds) errors.Invalid(path.Child("leaseDurationSeconds"), seconds, "must be greater than 0");
        if (spec.LongOrNull("leaseTransitions") is < 0 and var transitions) errors.Invalid(path.Child("leaseTransitions"), transitions, "must be greater than or equal to 0");
        if (spec.TextOrNull("strategy") is { } strategy) Strategy(strategy, path.Child("strategy", "strategy"), errors);
        if (spec.Text("preferredHolder").Length > 0 && spec.Text("strategy").Length == 0)
            errors.Forbidden(path.Child("preferredHolder"), "may only be specified if `strategy` is defined");
    }

    private static void Strategy(string strategy, FieldPath path, FieldErrors errors)
    {
        if (strategy.Contains('/')) errors.InvalidEach(path, strategy, Formats.LabelKey(strategy));
        else if (strategy != "OldestEmulationVersion") errors.NotSupported(path, strategy, ["OldestEmulationVersion"]);
    }
}
