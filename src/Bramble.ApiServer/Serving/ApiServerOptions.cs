using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Bramble.ApiServer.Serving;

/// <summary>How the API server is to be. Immutable; made once by the composition from flags and the data folder.</summary>
public sealed record ApiServerOptions
{
    /// <summary>Where HTTPS listens. Port 0: any free one (tests).</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.IPv6Any, 6443);

    /// <summary>The address that the <c>kubernetes</c> Service and Endpoints name; null: none is written.</summary>
    public IPAddress? AdvertiseAddress { get; init; }

    /// <summary>The certificate for a TLS server name (null: the client named none). Called for each connection; answers from memory.
    /// Null: plain HTTP (tests only).</summary>
    public Func<string?, X509Certificate2>? ServingCertificate { get; init; }

    /// <summary>--tls-min-version; 1.3 is always spoken.</summary>
    public SslProtocols LeastTlsVersion { get; init; } = SslProtocols.Tls12;

    /// <summary>Client certificates are asked for in the handshake; whether one is believed is the authenticators' business.</summary>
    public bool AsksForClientCertificates { get; init; } = true;

    /// <summary>Service ranges, first the primary family: <c>10.43.0.0/16</c>.</summary>
    public IReadOnlyList<IPNetwork> ServiceCidrs { get; init; } = [IPNetwork.Parse("10.43.0.0/16")];

    /// <summary>First node port.</summary>
    public int NodePortFirst { get; init; } = 30000;

    /// <summary>Last node port, inclusive.</summary>
    public int NodePortLast { get; init; } = 32767;

    /// <summary><c>gitVersion</c> of /version.</summary>
    public string GitVersion { get; init; } = "v1.36.2+k3s1";

    /// <summary><c>gitCommit</c> of /version.</summary>
    public string GitCommit { get; init; } = new('0', 40);

    /// <summary><c>buildDate</c> of /version.</summary>
    public string BuildDate { get; init; } = "1970-01-01T00:00:00Z";

    /// <summary>What <c>/flagz</c> shows: settings of the API server by name.</summary>
    public IReadOnlyDictionary<string, string> Flags { get; init; } = new Dictionary<string, string>();

    /// <summary>Largest request body, bytes (upstream: 3 MiB).</summary>
    public int RequestBytesMax { get; init; } = 3 * 1024 * 1024;

    /// <summary>Longest time of a request that is no watch.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>A watch without timeoutSeconds lives between this and twice this.</summary>
    public TimeSpan WatchTimeoutMin { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Decides uids, generated names and lives of watches: a simulation's seed. Null: chance does.</summary>
    public Random? Seeded { get; init; }
}
