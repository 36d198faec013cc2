using Bramble.Network.Ingress.Routing;
using Bramble.Network.Ingress.Tls;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>Everything a request or a handshake reads, as it stood at one moment.</summary>
internal sealed record IngressSnapshot(RouteTable Routes, CertificateTable Certificates, bool WritesAccessLog)
{
    public static readonly IngressSnapshot Empty = new(RouteTable.Empty, CertificateTable.Empty, false);
}

/// <summary>The current snapshot: the ingress' loop writes it, requests take it once.</summary>
internal sealed class IngressState
{
    private IngressSnapshot _current = IngressSnapshot.Empty;

    public IngressSnapshot Current
    {
        get => Volatile.Read(ref _current);
        set => Volatile.Write(ref _current, value);
    }
}
