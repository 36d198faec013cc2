using Bramble.Api.Decoding;
using Bramble.Api.Naming;
using Bramble.Api.Protobuf;

namespace Bramble.ApiServer.Verbs;

/// <summary>Protobuf bodies as JSON: from there on they are decoded like any other.</summary>
internal static class ProtobufBody
{
    public static ReadOnlyMemory<byte> ToJson(ReadOnlyMemory<byte> body, GroupVersionKind expected)
    {
        try
        {
            return TreeText.Write(ProtobufCodec.Decode(body));
        }
        catch (ProtobufFormatException e)
        {
            throw ProtobufCodec.Unrecognized(expected.Kind, e.Message, body.Span);
        }
    }
}
