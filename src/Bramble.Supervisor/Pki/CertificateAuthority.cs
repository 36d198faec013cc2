using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Bramble.Supervisor.Pki;

/// <summary>What a leaf certificate is for.</summary>
public enum CertificateUse { Client, Server, ClientAndServer }

/// <summary>Names and use of a leaf certificate.</summary>
public sealed record LeafRequest(
    string CommonName,
    IReadOnlyList<string> Organizations,
    CertificateUse Use,
    IReadOnlyList<string>? DnsNames = null,
    IReadOnlyList<IPAddress>? Addresses = null);

/// <summary>A signing CA: ECDSA P-256, ten years, as K3s makes them. Leaves live 365 days. Everything is valid from one hour ago,
/// because a Raspberry Pi has no clock battery and may start behind its neighbours.</summary>
public sealed class CertificateAuthority : IDisposable
{
    public static readonly TimeSpan Backdate = TimeSpan.FromHours(1);
    public static readonly TimeSpan CaLife = TimeSpan.FromDays(3650);
    public static readonly TimeSpan LeafLife = TimeSpan.FromDays(365);

    private readonly X509Certificate2 _certificate;
    private readonly TimeProvider _time;

    private CertificateAuthority(X509Certificate2 certificate, string chainPem, TimeProvider time)
    {
        _certificate = certificate;
        _time = time;
        ChainPem = chainPem;
    }

    /// <summary>The CA file as it is served and handed to clients (a custom CA may have its parents behind it).</summary>
    public string ChainPem { get; }

    public X509Certificate2 Certificate => _certificate;

    /// <summary>A new self-signed CA; returns certificate and key as PEM.</summary>
    public static (string CertificatePem, string KeyPem) Create(string commonName, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509KeyUsageExtension(
            X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment | X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using var certificate = request.CreateSelfSigned(now - Backdate, now + CaLife);
        return (certificate.ExportCertificatePem() + "\n", key.ExportECPrivateKeyPem() + "\n");
    }

    /// <exception cref="InvalidDataException">The files do not belong together; the message names them.</exception>
    public static CertificateAuthority Load(string certificatePath, string keyPath, TimeProvider time)
    {
        var pem = File.ReadAllText(certificatePath);
        try
        {
            return new CertificateAuthority(X509Certificate2.CreateFromPem(pem, File.ReadAllText(keyPath)), pem, time);
        }
        catch (CryptographicException error)
        {
            throw new InvalidDataException($"cannot use {certificatePath} with {keyPath}: {error.Message} Restore both from a backup, or remove both to make a new CA.", error);
        }
    }

    /// <summary>Signs a leaf with a new key. The certificate PEM holds the leaf and then the CA's chain.</summary>
    public (string CertificatePem, string KeyPem) Issue(LeafRequest leaf)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return (Sign(leaf, new CertificateRequest(Subject(leaf), key, HashAlgorithmName.SHA256)), key.ExportECPrivateKeyPem() + "\n");
    }

    /// <summary>Signs for somebody else's public key (a PKCS#10 request); only its key is used, the names are <paramref name="leaf"/>'s.</summary>
    public string SignRequest(byte[] pkcs10, LeafRequest leaf)
    {
        var theirs = CertificateRequest.LoadSigningRequest(pkcs10, HashAlgorithmName.SHA256, CertificateRequestLoadOptions.Default);
        return Sign(leaf, new CertificateRequest(Subject(leaf), theirs.PublicKey, HashAlgorithmName.SHA256));
    }

    private string Sign(LeafRequest leaf, CertificateRequest request)
    {
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, critical: true));
        var uses = new OidCollection();
        if (leaf.Use is CertificateUse.Server or CertificateUse.ClientAndServer) uses.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        if (leaf.Use is CertificateUse.Client or CertificateUse.ClientAndServer) uses.Add(new Oid("1.3.6.1.5.5.7.3.2"));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(uses, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        if (leaf.DnsNames is { Count: > 0 } || leaf.Addresses is { Count: > 0 })
        {
            var names = new SubjectAlternativeNameBuilder();
            foreach (var name in leaf.DnsNames ?? []) names.AddDnsName(name);
            foreach (var address in leaf.Addresses ?? []) names.AddIpAddress(address);
            request.CertificateExtensions.Add(names.Build());
        }
        var now = _time.GetUtcNow();
        var notAfter = now + LeafLife;
        if (notAfter > _certificate.NotAfter) notAfter = _certificate.NotAfter;
        // A board whose clock stands before the CA was made still gets a certificate that its CA covers.
        var notBefore = now - Backdate;
        if (notBefore < _certificate.NotBefore) notBefore = _certificate.NotBefore;
        if (notAfter <= notBefore) notAfter = notBefore + LeafLife;
        Span<byte> serial = stackalloc byte[16];
        RandomNumberGenerator.Fill(serial);
        serial[0] &= 0x7f;
        using var certificate = request.Create(_certificate, notBefore, notAfter, serial);
        return certificate.ExportCertificatePem() + "\n" + ChainPem;
    }

    private static X500DistinguishedName Subject(LeafRequest leaf)
    {
        var subject = new X500DistinguishedNameBuilder();
        foreach (var organization in leaf.Organizations) subject.AddOrganizationName(organization);
        subject.AddCommonName(leaf.CommonName);
        return subject.Build();
    }

    public void Dispose() => _certificate.Dispose();

    /// <summary>Lower-case hex SHA-256 as join tokens carry it, by K3s' rule: of the PEM text as served when it holds one certificate, else of the root's DER.</summary>
    /// <exception cref="CryptographicException">No certificate in it.</exception>
    public static string HashOfServedBundle(string pem)
    {
        var bundle = new X509Certificate2Collection();
        bundle.ImportFromPem(pem);
        if (bundle.Count == 0) throw new CryptographicException("no certificate");
        if (bundle.Count == 1) return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(pem)));
        var root = bundle.Skip(1).FirstOrDefault(c => c.SubjectName.RawData.AsSpan().SequenceEqual(c.IssuerName.RawData)) ?? bundle[^1];
        return Convert.ToHexStringLower(SHA256.HashData(root.RawData));
    }
}
