using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Endpoints.</summary>
internal sealed class EndpointsStrategy : KindStrategy
{
    public override IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesThenWhole;
    public override bool AllowsCreateOnUpdate => true;

    public override void Default(JsonObject endpoints)
    {
        foreach (var (_, subset) in endpoints.Items("subsets"))
            foreach (var (_, port) in subset.Items("ports")) port.DefaultText("protocol", "TCP");
    }

    public override void Validate(JsonObject endpoints, FieldErrors errors, StrategyContext context) => EndpointsRules.Validate(endpoints, errors);

    public override void ValidateUpdate(JsonObject endpoints, JsonObject old, FieldErrors errors, StrategyContext context)
    {
        // What was stored before a rule was made may stay.
        if (endpoints.Differs(old, "subsets")) EndpointsRules.Validate(endpoints, errors);
    }

    public override IEnumerable<string> Warnings(JsonObject endpoints, JsonObject? old) => EndpointsRules.Warnings(endpoints);
}
