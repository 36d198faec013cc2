using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to DeviceClasses.</summary>
internal sealed class DeviceClassStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override bool CountsGeneration => true;
    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => LongName(name, isPrefix);

    public override void Validate(JsonObject @class, FieldErrors errors, StrategyContext context) => Validate(@class, null, errors);

    public override void ValidateUpdate(JsonObject @class, JsonObject old, FieldErrors errors, StrategyContext context) => Validate(@class, old, errors);

    private static void Validate(JsonObject @class, JsonObject? old, FieldErrors errors)
    {
        var (spec, before, path) = (@class.Object("spec") ?? [], old.Object("spec"), FieldPath.Spec);
        DeviceRules.Selectors(spec, path.Child("selectors"), errors);
        var isStored = before is not null && !spec.Differs(before, "config");
        if (!DeviceRules.IsTooLong(spec, "config", DeviceRules.ListMax, path.Child("config"), errors))
            foreach (var (index, configuration) in spec.Items("config")) DeviceRules.Configuration(configuration, isStored, path.Child("config").Index(index), errors);
        if (spec.TextOrNull("extendedResourceName") is { } name && !Formats.IsExtendedResource(name)) errors.Invalid(path.Child("extendedResourceName"), name, "must be a valid extended resource name");
    }
}
