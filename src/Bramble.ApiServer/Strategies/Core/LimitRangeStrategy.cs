using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to LimitRanges: a container's defaults follow from max and min.</summary>
internal sealed class LimitRangeStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => WholeOnly;
    public override bool AllowsCreateOnUpdate => true;

    public override void Default(JsonObject range)
    {
        foreach (var (_, item) in range.Object("spec").Items("limits"))
        {
            if (item.Text("type") != "Container") continue;
            var (limit, request) = (item.Object("default") ?? [], item.Object("defaultRequest") ?? []);
            Fill(limit, item.Object("max"));
            Fill(request, limit);
            Fill(request, item.Object("min"));
            if (limit.Count > 0 && limit.Parent is null) item["default"] = limit;
            if (request.Count > 0 && request.Parent is null) item["defaultRequest"] = request;
        }
    }

    private static void Fill(JsonObject amounts, JsonObject? from)
    {
        foreach (var (name, amount) in from ?? [])
            if (!amounts.Has(name)) amounts[name] = amount?.DeepClone();
    }

    /// <summary>Alone among kinds it needs no name.</summary>
    public override void PrepareForCreate(JsonObject range, StrategyContext context)
    {
        if (range.ObjectName().Length == 0) range.Child("metadata")["name"] = Guid.NewGuid().ToString();
    }

    public override void Validate(JsonObject range, FieldErrors errors, StrategyContext context) => LimitRangeRules.Validate(range, errors);
}
