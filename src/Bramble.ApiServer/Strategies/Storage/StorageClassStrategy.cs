using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to StorageClasses.</summary>
internal sealed class StorageClassStrategy : KindStrategy
{
    public override void Default(JsonObject @class)
    {
        @class.DefaultTo("reclaimPolicy", "Delete");
        @class.DefaultTo("volumeBindingMode", "Immediate");
    }
}
