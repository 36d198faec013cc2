using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Bramble.Controllers.Certificates;

/// <summary>The authorities that sign for CertificateSigningRequests.</summary>
/// <param name="Client">With its key; signs what clients and kubelets show to the API server.</param>
/// <param name="Serving">With its key; signs what kubelets show to the API server's own client.</param>
public sealed record CertificateSigners(X509Certificate2 Client, X509Certificate2 Serving);

/// <summary>Makes a certificate of a request.</summary>
internal static class CertificateSigning
{
    private static readonly TimeSpan LifeMin = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Backdate = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Short = TimeSpan.FromHours(8);

    private static readonly Dictionary<string, X509KeyUsageFlags> KeyUsages = new(StringComparer.Ordinal)
    {
        ["signing"] = X509KeyUsageFlags.DigitalSignature,
        ["digital signature"] = X509KeyUsageFlags.DigitalSignature,
        ["content commitment"] = X509KeyUsageFlags.NonRepudiation,
        ["key encipherment"] = X509KeyUsageFlags.KeyEncipherment,
        ["key agreement"] = X509KeyUsageFlags.KeyAgreement,
        ["data encipherment"] = X509KeyUsageFlags.DataEncipherment,
        ["cert sign"] = X509KeyUsageFlags.KeyCertSign,
        ["crl sign"] = X509KeyUsageFlags.CrlSign,
        ["encipher only"] = X509KeyUsageFlags.EncipherOnly,
        ["decipher only"] = X509KeyUsageFlags.DecipherOnly,
    };

    /// <summary>In the order in which a certificate has them.</summary>
    private static readonly (string[] Usages, string Oid)[] Purposes =
    [
        (["any"], "2.5.29.37.0"),
        (["server auth"], "1.3.6.1.5.5.7.3.1"),
        (["client auth"], "1.3.6.1.5.5.7.3.2"),
        (["code signing"], "1.3.6.1.5.5.7.3.3"),
        (["email protection", "s/mime"], "1.3.6.1.5.5.7.3.4"),
        (["ipsec end system"], "1.3.6.1.5.5.7.3.5"),
        (["ipsec tunnel"], "1.3.6.1.5.5.7.3.6"),
        (["ipsec user"], "1.3.6.1.5.5.7.3.7"),
        (["timestamping"], "1.3.6.1.5.5.7.3.8"),
        (["ocsp signing"], "1.3.6.1.5.5.7.3.9"),
        (["microsoft sgc"], "1.3.6.1.4.1.311.10.3.3"),
        (["netscape sgc"], "2.16.840.1.113730.4.1"),
    ];

    /// <param name="lifeMax">Also when no time was asked for.</param>
    public static string Sign(CertificateRequest request, IReadOnlyCollection<string> usages, int? expirationSeconds, TimeSpan lifeMax, X509Certificate2 authority, DateTimeOffset now)
    {
        var life = expirationSeconds is { } seconds && TimeSpan.FromSeconds(seconds) is var wanted && wanted <= lifeMax ? wanted < LifeMin ? LifeMin : wanted : lifeMax;
        var notBefore = now - Backdate;
        // Short ones keep their full length, and five minutes of backdating besides.
        var notAfter = life < Short ? now + life : notBefore + life;
        if (notAfter > authority.NotAfter) notAfter = authority.NotAfter;
        if (notBefore < authority.NotBefore) notBefore = authority.NotBefore;

        var alternativeNames = request.CertificateExtensions.Where(e => e.Oid?.Value == "2.5.29.17").ToList();
        request.CertificateExtensions.Clear();
        foreach (var extension in alternativeNames) request.CertificateExtensions.Add(extension);
        var keyUsage = usages.Aggregate(X509KeyUsageFlags.None, (flags, usage) => flags | KeyUsages.GetValueOrDefault(usage));
        if (keyUsage != X509KeyUsageFlags.None) request.CertificateExtensions.Add(new X509KeyUsageExtension(keyUsage, critical: true));
        var purposes = new OidCollection();
        foreach (var (names, oid) in Purposes)
            if (names.Any(usages.Contains)) purposes.Add(new Oid(oid));
        if (purposes.Count > 0) request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(purposes, critical: false));
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForEndEntity(critical: true));
        // An authority that somebody else made may not name its key.
        if (authority.Extensions.Any(e => e is X509SubjectKeyIdentifierExtension))
            request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, includeKeyIdentifier: true, includeIssuerAndSerial: false));

        using X509SignatureGeneratorOwner key = new(authority);
        var certificate = request.Create(authority.SubjectName, key.Generator, notBefore, notAfter, RandomNumberGenerator.GetBytes(16));
        return certificate.ExportCertificatePem() + "\n";
    }

    /// <summary>The authority's key: .NET's own Create refuses when the request's key is of another kind (EC for RSA).</summary>
    private sealed class X509SignatureGeneratorOwner : IDisposable
    {
        private readonly AsymmetricAlgorithm _key;

        public X509SignatureGeneratorOwner(X509Certificate2 authority)
        {
            if (authority.GetECDsaPrivateKey() is { } ec) (_key, Generator) = (ec, X509SignatureGenerator.CreateForECDsa(ec));
            else if (authority.GetRSAPrivateKey() is { } rsa) (_key, Generator) = (rsa, X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1));
            else throw new CryptographicException("the signing authority has no private key");
        }

        public X509SignatureGenerator Generator { get; }

        public void Dispose() => _key.Dispose();
    }
}
