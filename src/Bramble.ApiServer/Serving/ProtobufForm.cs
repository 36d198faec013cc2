using Bramble.Api.Protobuf;

namespace Bramble.ApiServer.Serving;

/// <summary>Objects as protobuf.</summary>
internal static class ProtobufForm
{
    public static byte[] Encode(ReadOnlyMemory<byte> json) => ProtobufCodec.Encode(json);

    public static byte[] WatchFrame(string type, ReadOnlyMemory<byte> json) => ProtobufCodec.EncodeWatchEvent(type, json);
}
