using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Bramble.IntegrationTests.Node;

/// <summary>gRPC over a unix socket, and protocol buffers, as far as stand-ins of drivers and plugins need them: written by hand, so that they do not share a
/// mistake with the kubelet's generated code.</summary>
internal static class GrpcByHand
{
    /// <summary>One call; throws with gRPC's status when it is not 0.</summary>
    public static async Task Call(string socket, string path, byte[] message)
    {
        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancel);
                return new NetworkStream(connection, ownsSocket: true);
            },
        });
        var frame = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        var request = new HttpRequestMessage(HttpMethod.Post, "http://localhost" + path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frame) { Headers = { ContentType = new("application/grpc") } },
        };
        using var response = await client.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        var status = response.TrailingHeaders.GetValues("grpc-status").Single();
        if (status != "0") throw new InvalidOperationException($"{status} {Uri.UnescapeDataString(response.TrailingHeaders.GetValues("grpc-message").Single())}");
    }

    public static async Task<WebApplication> Serve(string socket, Func<HttpContext, byte[], Task<byte[]?>> answer)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseShutdownTimeout(TimeSpan.Zero).ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket, listen => listen.Protocols = HttpProtocols.Http2));
        var app = builder.Build();
        app.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            http.Response.ContentType = "application/grpc";
            if (await answer(http, body.ToArray()[5..]) is { } message) await Write(http, message);
            http.Response.AppendTrailer("grpc-status", "0");
        });
        await app.StartAsync();
        return app;
    }

    public static async Task Write(HttpContext http, byte[] message)
    {
        var frame = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        await http.Response.Body.WriteAsync(frame);
        await http.Response.Body.FlushAsync();
    }

    public static byte[] Text(int number, string text) => Field(number, Encoding.UTF8.GetBytes(text));

    public static byte[] Field(int number, byte[] value)
    {
        List<byte> bytes = [(byte)(number << 3 | 2)];
        var length = value.Length;
        for (; length > 127; length >>= 7) bytes.Add((byte)(length & 127 | 128));
        return [.. bytes, (byte)length, .. value];
    }

    public static List<(int Number, byte[] Bytes)> Fields(byte[] message)
    {
        List<(int, byte[])> fields = [];
        for (var at = 0; at < message.Length;)
        {
            var (number, length) = (message[at++] >> 3, 0);
            for (var shift = 0; ; shift += 7)
            {
                var b = message[at++];
                length |= (b & 127) << shift;
                if (b < 128) break;
            }
            fields.Add((number, message[at..(at + length)]));
            at += length;
        }
        return fields;
    }
}
