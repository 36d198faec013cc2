using System.Text.Json.Nodes;

namespace Bramble.Controllers.Workloads;

/// <summary>Makes a Pod from a template, nothing of the template lost.</summary>
internal static class PodFromTemplate
{
    private const int NameMax = 253;

    /// <param name="generateName">The owner's name and a dash; a name of full length leaves no room for the dash.</param>
    /// <param name="name">Null: the server completes <paramref name="generateName"/>.</param>
    public static JsonObject Make(JsonObject template, Owner owner, string? generateName, string? name = null)
    {
        var metadata = new JsonObject();
        if (name is not null) metadata["name"] = name;
        if (generateName is not null) metadata["generateName"] = generateName.Length > NameMax ? generateName[..NameMax] : generateName;
        metadata["namespace"] = owner.Name.Namespace;
        if (template["metadata"] is JsonObject given)
            foreach (var field in (string[])["labels", "annotations", "finalizers"])
                if (given[field] is { } value) metadata[field] = value.DeepClone();
        metadata["ownerReferences"] = new JsonArray((JsonNode)owner.Reference());
        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = metadata,
            ["spec"] = template["spec"]?.DeepClone() ?? new JsonObject(),
        };
    }
}
