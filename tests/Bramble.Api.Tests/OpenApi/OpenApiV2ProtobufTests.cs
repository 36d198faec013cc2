using System.Text;
using Bramble.Api.OpenApi;

namespace Bramble.Api.Tests.OpenApi;

public class OpenApiV2ProtobufTests
{
    [Fact]
    public void The_document_is_well_formed_and_holds_all_types()
    {
        var document = OpenApiV2.Document();
        var bytes = OpenApiV2Protobuf.Encode(document);
        var fields = Fields(bytes);
        Assert.Equal([1, 2, 8, 9], fields.Select(f => f.Number));
        var names = Fields(fields[3].Content).Select(definition => Encoding.UTF8.GetString(Fields(definition.Content)[0].Content));
        Assert.Equal(document["definitions"]!.AsObject().Select(d => d.Key), names);
    }

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
