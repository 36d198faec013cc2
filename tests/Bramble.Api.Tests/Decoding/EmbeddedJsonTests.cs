using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Decoding;
using Bramble.Api.Naming;
using Bramble.Api.Patching;
using Bramble.Api.Schemas;

namespace Bramble.Api.Tests.Decoding;

/// <summary>Embedded objects are kept as they were sent: a patch makes them compact, which is a change as upstream sees it.</summary>
public class EmbeddedJsonTests
{
    private static readonly GroupVersionKind Kind = new("apps", "v1", "ControllerRevision");

    [Theory]
    [InlineData("""{"data":{"a":1,"b":"x y"},"revision":1}""", false)]
    [InlineData("""{"data":{"a": 1,"b":"x y"},"revision":1}""", true)]
    public void White_space_is_remembered_and_not_shown(string json, bool isNoted)
    {
        var tree = Decode(json);
        Assert.Equal(isNoted, EmbeddedJson.IsIn(TreeText.Write(tree).Span));
        var again = Decode(Encoding.UTF8.GetString(TreeText.Write(tree).Span));
        Assert.True(JsonNode.DeepEquals(tree, again), "what is noted survives being stored");
        var patched = ObjectPatcher.Patch(tree, """{"metadata":{"labels":{"a":"b"}}}"""u8.ToArray(), PatchType.Merge, BuiltInSchemas.FindKind(Kind)!, Kind, FieldValidation.Ignore).Tree;
        Assert.Equal(!isNoted, JsonNode.DeepEquals(tree["data"], patched["data"]));
        Assert.True(JsonNode.DeepEquals(EmbeddedJson.Strip(tree)["data"], patched["data"]));
    }

    [Fact]
    public void The_kinds_that_embed_are_those_of_the_schema()
    {
        var embedding = ApiCatalog.BuiltIn.Resources.Where(r => r.IsStored && Embeds(BuiltInSchemas.FindKind(r.GroupVersionKind)!, [])).Select(r => r.GroupVersionKind).ToList();
        Assert.NotEmpty(embedding);
        Assert.All(embedding, kind => Assert.True(EmbeddedJson.MayBeIn(kind), kind.ToString()));
    }

    private static JsonObject Decode(string json) =>
        ObjectDecoder.Decode(Encoding.UTF8.GetBytes(json), BodyFormat.Json, BuiltInSchemas.FindKind(Kind)!, Kind, FieldValidation.Ignore).Tree;

    private static bool Embeds(SchemaType type, HashSet<SchemaType> seen)
    {
        if (type.Kind == SchemaKind.RawExtension) return true;
        if (type.IsScalar || !seen.Add(type)) return false;
        return type.Fields.Any(field => Embeds(field.Type, seen)) || type.Element is { } element && Embeds(element, seen);
    }
}
