using System.Net;
using Bramble.ApiServer.Authentication;

namespace Bramble.ApiServer.Bootstrap;

/// <summary>What the bootstrap objects depend on.</summary>
public sealed record BootstrapConfig
{
    /// <summary>The address and port that the endpoints of the <c>kubernetes</c> Service name (--advertise-address, --advertise-port).</summary>
    public required IPEndPoint Advertise { get; init; }

    /// <summary>Service ranges, primary family first.</summary>
    public required IReadOnlyList<IPNetwork> ServiceCidrs { get; init; }

    /// <summary>This host's name; the identity lease bears its hash.</summary>
    public required string HostName { get; init; }

    /// <summary>For the extension-apiserver-authentication config map.</summary>
    public required AuthenticationConfig Authentication { get; init; }
}
