using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Ports and protocols.</summary>
internal static class PortRules
{
    private static readonly string[] Protocols = ["SCTP", "TCP", "UDP"];

    public static void Protocol(string protocol, FieldPath path, FieldErrors errors)
    {
        if (protocol.Length == 0) errors.Required(path);
        else if (!Protocols.Contains(protocol)) errors.NotSupported(path, protocol, Protocols);
    }

    public static void NumberOrName(JsonNode? port, FieldPath path, FieldErrors errors)
    {
        if (port.AsText() is { } name) errors.InvalidEach(path, name, Formats.PortName(name));
        else errors.InvalidEach(path, port.AsLong() ?? 0, Formats.PortNumber(port.AsLong() ?? 0));
    }
}
