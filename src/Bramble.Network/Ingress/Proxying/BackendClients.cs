using System.Net;
using System.Net.Security;
using System.Text;
using Bramble.Network.Ingress.Routing;
using Yarp.ReverseProxy.Forwarder;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>The connections to backends, kept for the next request; one pool for all of them, by address.</summary>
internal sealed class BackendClients : IDisposable
{
    // A pod of this cluster is a millisecond away or it is not there: the next one is asked.
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(3);

    private static readonly ForwarderRequestConfig Http1 = new() { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact, ActivityTimeout = Timeout.InfiniteTimeSpan };
    private static readonly ForwarderRequestConfig Http2 = new() { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, ActivityTimeout = Timeout.InfiniteTimeSpan };
    private static readonly ForwarderRequestConfig Negotiated = new() { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionOrLower, ActivityTimeout = Timeout.InfiniteTimeSpan };

    private readonly HttpMessageInvoker _invoker = new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        ConnectTimeout = ConnectPatience,
        // Shorter than the keep-alive of common servers (nginx 75 s, Node 5 s is caught by the retry), so that rarely a request meets a closing connection.
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
        EnableMultipleHttp2Connections = true,
        MaxResponseDrainSize = 0,
        ResponseDrainTimeout = TimeSpan.Zero,
        RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true },
    });

    public HttpMessageInvoker Invoker => _invoker;

    public static ForwarderRequestConfig ConfigOf(BackendProtocol protocol) => protocol switch
    {
        BackendProtocol.H2c => Http2,
        BackendProtocol.Https => Negotiated,
        _ => Http1,
    };

    public void Dispose() => _invoker.Dispose();
}
