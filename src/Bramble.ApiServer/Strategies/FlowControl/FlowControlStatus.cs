using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>The status of the flow control kinds.</summary>
internal static class FlowControlStatus
{
    /// <summary>A status write takes all of the metadata but managedFields from the old object.</summary>
    public static void KeepMetadata(JsonObject obj, JsonObject old)
    {
        var managed = obj.Object("metadata").Array("managedFields")?.DeepClone();
        obj.KeepFrom(old, "metadata");
        if (managed is not null) obj.Child("metadata")["managedFields"] = managed;
    }

    public static void Validate(JsonObject obj, FieldErrors errors)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, condition) in obj.Object("status").Items("conditions"))
        {
            var (at, type) = (FieldPath.Status.Child("conditions").Index(index).Child("type"), condition.Text("type"));
            if (!seen.Add(type)) errors.Duplicate(at, type);
            if (type.Length == 0) errors.Required(at);
        }
    }
}
