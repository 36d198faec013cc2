using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to IngressClasses.</summary>
internal sealed class IngressClassStrategy : KindStrategy
{
    public override bool CountsGeneration => true;

    public override void Default(JsonObject @class) => @class.Object("spec").Object("parameters")?.DefaultTo("scope", "Cluster");
}
