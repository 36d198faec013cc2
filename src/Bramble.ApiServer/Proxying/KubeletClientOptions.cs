using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Bramble.ApiServer.Proxying;

/// <summary>How the API server reaches kubelets.</summary>
/// <param name="ClientCertificate">The API server's kubelet client certificate with its key; called for each connection, so that a renewed one is used at once.</param>
/// <param name="ServerCa">CAs that sign the kubelets' serving certificates.</param>
/// <param name="Dial">How a connection to a kubelet's address is made (a node behind NAT is reached through its tunnel); null: directly.</param>
public sealed record KubeletClientOptions(
    Func<X509Certificate2> ClientCertificate, X509Certificate2Collection ServerCa, Func<string, int, CancellationToken, ValueTask<Stream>>? Dial = null)
{
    /// <summary>How pods are reached; null: directly.</summary>
    public Func<string, int, CancellationToken, ValueTask<Stream>>? DialPod { get; init; }

    internal SslClientAuthenticationOptions Tls(string host) => new()
    {
        TargetHost = host,
        ClientCertificates = [ClientCertificate()],
        LocalCertificateSelectionCallback = (_, _, certificates, _, _) => certificates[0],
        CertificateChainPolicy = ChainPolicy(),
    };

    private X509ChainPolicy ChainPolicy()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.AddRange(ServerCa);
        return policy;
    }
}
