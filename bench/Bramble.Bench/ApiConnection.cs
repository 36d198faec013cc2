using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Bramble.Bench;

/// <summary>HTTPS to a server as the admin of a kubeconfig.</summary>
internal static class ApiConnection
{
    public static HttpClient Open(string kubeconfig, Uri address)
    {
        string Field(string name) => Encoding.UTF8.GetString(Convert.FromBase64String(
            File.ReadLines(kubeconfig).First(line => line.TrimStart().StartsWith(name, StringComparison.Ordinal)).Split(": ")[1].Trim()));
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(Field("certificate-authority-data"));
        var client = X509Certificate2.CreateFromPem(Field("client-certificate-data"), Field("client-key-data"));
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificates = [client],
                CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, CustomTrustStore = { roots[0] } },
            },
        };
        return new HttpClient(handler) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan, DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower };
    }
}
