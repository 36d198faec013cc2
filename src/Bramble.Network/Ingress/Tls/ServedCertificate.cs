using System.Formats.Asn1;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Bramble.Network.Ingress.Tls;

/// <summary>A certificate as it is offered to clients, and the names it is for. Made once a version of its Secret: the handshake's options are kept, so that
/// sessions can be resumed.</summary>
internal sealed class ServedCertificate : IDisposable
{
    private const string SubjectAlternativeName = "2.5.29.17";

    private readonly X509Certificate2 _certificate;
    private readonly X509Certificate2Collection _chain;

    private ServedCertificate(X509Certificate2 certificate, X509Certificate2Collection chain)
    {
        (_certificate, _chain) = (certificate, chain);
        Names = [.. NamesOf(certificate)];
        Options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
    }

    /// <summary>DNS names (and addresses) that it is for; wildcards with their <c>*.</c>.</summary>
    public IReadOnlyList<string> Names { get; }

    public SslServerAuthenticationOptions Options { get; }

    public string Thumbprint => _certificate.Thumbprint;

    /// <summary>Out of a Secret of type kubernetes.io/tls.</summary>
    /// <exception cref="CryptographicException">Not a certificate with its key, with the reason.</exception>
    public static ServedCertificate FromPem(ReadOnlySpan<byte> certificatePem, ReadOnlySpan<byte> keyPem)
    {
        var text = Encoding.UTF8.GetString(certificatePem);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(text);
        if (chain.Count == 0) throw new CryptographicException("tls.crt holds no certificate");
        var key = Encoding.UTF8.GetString(keyPem);
        try
        {
            using var first = X509Certificate2.CreateFromPem(text, key);
            chain[0].Dispose();
            chain.RemoveAt(0);
            // Through PKCS #12 and back: OpenSSL then holds the key itself, which a handshake needs.
            return new ServedCertificate(X509CertificateLoader.LoadPkcs12(first.Export(X509ContentType.Pkcs12), null), chain);
        }
        catch (ArgumentException wrong)
        {
            throw new CryptographicException(wrong.Message, wrong);
        }
    }

    /// <summary>What a client gets whose name nobody has a certificate for. Browsers do not trust it, and it says why.</summary>
    public static ServedCertificate SelfSigned(DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=BRAMBLE DEFAULT CERT", key, HashAlgorithmName.SHA256);
        using var made = request.CreateSelfSigned(now.AddHours(-1), now.AddYears(1));
        return new ServedCertificate(X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null), []);
    }

    public void Dispose()
    {
        _certificate.Dispose();
        foreach (var one in _chain) one.Dispose();
    }

    private static IEnumerable<string> NamesOf(X509Certificate2 certificate)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        if (certificate.Extensions[SubjectAlternativeName] is { } extension)
        {
            // RFC 5280 4.2.1.6: GeneralNames; 2 is a DNS name.
            var list = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
            while (list.HasData)
            {
                var tag = list.PeekTag();
                if (tag.HasSameClassAndValue(new Asn1Tag(TagClass.ContextSpecific, 2))) names.Add(list.ReadCharacterString(UniversalTagNumber.IA5String, tag));
                else list.ReadEncodedValue();
            }
        }
        if (certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) is { Length: > 0 } common && names.Count == 0) names.Add(common);
        return names;
    }
}
