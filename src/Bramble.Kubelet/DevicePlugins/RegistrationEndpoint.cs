using System.Buffers.Binary;
using Bramble.Kubelet.DevicePlugins.Protocol;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.DevicePlugins;

/// <summary>The one call that device plugins make to the kubelet, gRPC's <c>v1beta1.Registration/Register</c> on its socket. One unary call of one message needs no
/// library: a frame is a flag, four bytes of length and the message; the outcome is in trailers.</summary>
internal sealed class RegistrationEndpoint(DevicePluginManager plugins)
{
    private const string Path = "/v1beta1.Registration/Register";
    private const int FrameHeader = 5, RequestMax = 1 << 16;
    private const int InvalidArgument = 3, Unknown = 2, Unimplemented = 12;

    public async Task HandleAsync(HttpContext http)
    {
        http.Response.ContentType = "application/grpc";
        if (http.Request.Path != Path)
        {
            End(http, Unimplemented, $"unknown method {http.Request.Path}");
            return;
        }
        try
        {
            if (await ReadAsync(http) is not { } request)
            {
                End(http, InvalidArgument, "the message is not a RegisterRequest");
                return;
            }
            await plugins.RegisterAsync(request, http.RequestAborted);
        }
        catch (DevicePluginException e)
        {
            End(http, Unknown, e.Message);
            return;
        }
        // Empty: a frame without content.
        await http.Response.Body.WriteAsync(new byte[FrameHeader], http.RequestAborted);
        End(http, 0, "");
    }

    private static async Task<RegisterRequest?> ReadAsync(HttpContext http)
    {
        var header = new byte[FrameHeader];
        try
        {
            await http.Request.Body.ReadExactlyAsync(header, http.RequestAborted);
            var length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(1));
            if (header[0] != 0 || length > RequestMax) return null;
            var message = new byte[length];
            await http.Request.Body.ReadExactlyAsync(message, http.RequestAborted);
            return RegisterRequest.Parser.ParseFrom(message);
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static void End(HttpContext http, int status, string message)
    {
        http.Response.AppendTrailer("grpc-status", status.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (message.Length > 0) http.Response.AppendTrailer("grpc-message", Uri.EscapeDataString(message));
    }
}
