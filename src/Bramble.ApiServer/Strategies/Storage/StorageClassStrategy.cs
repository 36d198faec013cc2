using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to StorageClasses.</summary>
internal sealed class StorageClassStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeThenChanges;
    public override void Default(JsonObject @class)
    {
        @class.DefaultTo("reclaimPolicy", "Delete");
        @class.DefaultTo("volumeBindingMode", "Immediate");
    }

    public override void Validate(JsonObject @class, FieldErrors errors, StrategyContext context) => StorageClassRules.Validate(@class, errors);

    public override void ValidateUpdate(JsonObject @class, JsonObject old, FieldErrors errors, StrategyContext context) =>
        StorageClassRules.ValidateUpdate(@class, old, errors);

    public override IEnumerable<string> Warnings(JsonObject @class, JsonObject? old) => StorageClassRules.Warnings(@class);
}
