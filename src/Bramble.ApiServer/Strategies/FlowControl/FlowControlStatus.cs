using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>A status write of the flow control kinds takes all of the metadata but managedFields from the old object.</summary>
internal static class FlowControlStatus
{
    public static void KeepMetadata(JsonObject obj, JsonObject old)
    {
        var managed = obj.Object("metadata").Array("managedFields")?.DeepClone();
        obj.KeepFrom(old, "metadata");
        if (managed is not null) obj.Child("metadata")["managedFields"] = managed;
    }
}
