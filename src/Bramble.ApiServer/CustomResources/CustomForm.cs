using System.Text.Json.Nodes;
using Bramble.Api.CustomResources;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>What the objects of one version look like. Immutable.</summary>
/// <param name="Schema">Null: everything is kept, nothing has a default.</param>
internal sealed record CustomForm(SchemaType Type, JsonObject? Schema)
{
    public static CustomForm Of(JsonObject version, string kind)
    {
        var schema = version.Object("schema").Object("openAPIV3Schema");
        return new CustomForm(StructuralSchema.TypeOf(schema, kind), schema);
    }

    /// <summary>In place: what the version does not know goes.</summary>
    public void Prune(JsonObject obj) => StructuralSchema.Prune(obj, Type, Schema);

    /// <summary>In place: also what it says is there if nobody said something else.</summary>
    public void PruneAndDefault(JsonObject obj)
    {
        Prune(obj);
        if (Schema is not null) StructuralDefaults.Apply(obj, Schema);
    }
}
