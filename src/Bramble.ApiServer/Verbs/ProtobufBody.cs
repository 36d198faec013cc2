using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;

namespace Bramble.ApiServer.Verbs;

/// <summary>Protobuf bodies as JSON.</summary>
internal static class ProtobufBody
{
    public static ReadOnlyMemory<byte> ToJson(ReadOnlyMemory<byte> body, GroupVersionKind expected, SchemaType type) =>
        throw new StatusException(new Status(
            415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml"));
}
