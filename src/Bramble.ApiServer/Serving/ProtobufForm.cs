using Bramble.Api.Errors;

namespace Bramble.ApiServer.Serving;

/// <summary>Objects as protobuf.</summary>
internal static class ProtobufForm
{
    public static byte[] Encode(ReadOnlyMemory<byte> json) => throw Missing();

    public static byte[] WatchFrame(string type, ReadOnlyMemory<byte> json) => throw Missing();

    private static StatusException Missing() =>
        new(new Status(406, "NotAcceptable", "only the following media types are accepted: application/json, application/yaml"));
}
