using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to Endpoints.</summary>
internal sealed class EndpointsStrategy : KindStrategy
{
    public override bool AllowsCreateOnUpdate => true;

    public override void Default(JsonObject endpoints)
    {
        foreach (var (_, subset) in endpoints.Items("subsets"))
            foreach (var (_, port) in subset.Items("ports")) port.DefaultText("protocol", "TCP");
    }
}
