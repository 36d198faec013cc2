using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.OpenApi;

namespace Bramble.Api.Tests.OpenApi;

public class OpenApiProtobufTests
{
    [Fact]
    public void Version_two_is_well_formed_and_holds_all_types()
    {
        var document = OpenApiV2.Document();
        var bytes = OpenApiV2Protobuf.Encode(document);
        var fields = Fields(bytes);
        Assert.Equal([1, 2, 8, 9], fields.Select(f => f.Number));
        var names = Fields(fields[3].Content).Select(definition => Encoding.UTF8.GetString(Fields(definition.Content)[0].Content));
        Assert.Equal(document["definitions"]!.AsObject().Select(d => d.Key), names);
    }

    [Fact]
    public void Version_three_is_well_formed_and_holds_all_types_and_paths()
    {
        var document = OpenApiV3.Document("api/v1")!;
        var fields = Fields(OpenApiV3Protobuf.Encode(document));
        Assert.Equal([1, 2, 4, 5], fields.Select(f => f.Number));
        Assert.Equal(document["paths"]!.AsObject().Select(path => path.Key), Names(fields[2].Content));
        var components = Fields(fields[3].Content);
        Assert.Equal(document["components"]!["schemas"]!.AsObject().Select(schema => schema.Key), Names(components[0].Content));
        Assert.Equal(["BearerToken"], Names(components[1].Content));
    }

    [Fact]
    public void A_schema_of_a_definition_keeps_its_bounds_in_protobuf()
    {
        var schema = JsonNode.Parse("""{"type":"object","properties":{"a":{"type":"integer","minimum":1,"maxLength":3,"default":2}}}""");
        var bytes = OpenApiV3Protobuf.Encode(new() { ["openapi"] = "3.0.0", ["components"] = new JsonObject { ["schemas"] = new JsonObject { ["x"] = schema } } });
        // minimum 1 as a double (field 13), maxLength 3 (field 15), default 2 (field 33, in it 1)
        Assert.Contains("690000000000" + "00F03F" + "7803", Convert.ToHexString(bytes), StringComparison.Ordinal);
        Assert.Contains("8A0209" + "09" + "0000000000000040", Convert.ToHexString(bytes), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Names(byte[] map) => Fields(map).Select(member => Encoding.UTF8.GetString(Fields(member.Content)[0].Content));

    private static List<(int Number, byte[] Content)> Fields(ReadOnlySpan<byte> message)
    {
        var fields = new List<(int, byte[])>();
        var at = 0;
        while (at < message.Length)
        {
            var tag = Varint(message, ref at);
            Assert.Equal(2, tag & 7);
            var length = Varint(message, ref at);
            fields.Add((tag >> 3, message.Slice(at, length).ToArray()));
            at += length;
        }
        return fields;
    }

    private static int Varint(ReadOnlySpan<byte> bytes, ref int at)
    {
        var value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var b = bytes[at++];
            value |= (b & 127) << shift;
            if (b < 128) return value;
        }
    }
}
