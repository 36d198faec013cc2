using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of RuntimeClasses.</summary>
internal static class RuntimeClassRules
{
    public static void Validate(JsonObject @class, FieldErrors errors)
    {
        if (@class.Text("handler") is { Length: > 0 } handler) errors.InvalidEach("handler", handler, Formats.DnsLabel(handler));
        else errors.Required("handler");
        if (@class.Object("overhead") is { } overhead)
            ResourceRules.ContainerRequirements(new JsonObject { ["limits"] = overhead.Object("podFixed")?.DeepClone() }, [], FieldPath.Of("overhead"), errors);
        if (@class.Object("scheduling") is not { } scheduling) return;
        var path = FieldPath.Of("scheduling");
        LabelRules.Validate(scheduling.Object("nodeSelector"), path.Child("nodeSelector"), errors);
        TolerationRules.Validate(scheduling, path.Child("tolerations"), errors);
        var seen = new HashSet<(string, string, string, string)>();
        foreach (var (index, toleration) in scheduling.Items("tolerations"))
            if (!seen.Add((toleration.Text("key"), toleration.Text("operator"), toleration.Text("value"), toleration.Text("effect"))))
                errors.Duplicate(path.Child("tolerations").Index(index), InternalStruct.Show(toleration, "core.v1.Toleration"));
    }
}
