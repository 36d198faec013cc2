using System.Buffers.Binary;
using System.Globalization;
using System.Threading.Channels;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Bramble.Kubelet.Tests.Plugins;

/// <summary>A call and the request in it.</summary>
internal sealed record GrpcCall(string Path, byte[] Body)
{
    public T Read<T>(MessageParser<T> parser) where T : IMessage<T> => parser.ParseFrom(Body);
}

/// <summary>Real gRPC behind a unix socket, as a plugin's process serves it.</summary>
internal static class GrpcSocket
{
    /// <param name="answer">A message, a channel of messages (a stream), a text (an error) or one with its code, or null: not implemented.</param>
    public static WebApplication Serve(string socket, Func<GrpcCall, object?> answer)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket, listen => listen.Protocols = HttpProtocols.Http2));
        builder.WebHost.UseShutdownTimeout(TimeSpan.Zero);
        var app = builder.Build();
        app.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            var said = answer(new GrpcCall(http.Request.Path.Value!, body.ToArray()[5..]));
            http.Response.ContentType = "application/grpc";
            if (said is IMessage message) await http.Response.Body.WriteAsync(Frame(message));
            if (said is Channel<IMessage> stream)
            {
                await http.Response.Body.FlushAsync(http.RequestAborted);
                await foreach (var one in stream.Reader.ReadAllAsync(http.RequestAborted)) await http.Response.Body.WriteAsync(Frame(one), http.RequestAborted);
            }
            var (code, why) = said switch { null => (12, null), string text => (13, text), ValueTuple<int, string> refusal => refusal, _ => (0, null) };
            http.Response.AppendTrailer("grpc-status", code.ToString(CultureInfo.InvariantCulture));
            if (why is not null) http.Response.AppendTrailer("grpc-message", why);
        });
        return app;
    }

    private static byte[] Frame(IMessage message)
    {
        var bytes = message.ToByteArray();
        var frame = new byte[5 + bytes.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), bytes.Length);
        bytes.CopyTo(frame, 5);
        return frame;
    }
}
