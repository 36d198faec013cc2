using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Bramble.Network.Ingress.Tls;

namespace Bramble.Network.Tests.Ingress;

/// <summary>Which certificate a client gets for the name it asks for.</summary>
public sealed class CertificateTableTests
{
    public static TheoryData<string, string?, string?> Cases => new()
    {
        { "its own name", "a.example", "own" },
        { "case does not count", "A.EXAMPLE", "own" },
        { "a final dot neither", "a.example.", "own" },
        { "a wildcard's", "b.example", "wild" },
        { "of one label", "c.b.example", null },
        { "and not of none", "example", null },
        { "nobody's", "else.test", null },
        { "no name (an address was asked for)", null, null },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_certificate_is(string name, string? asked, string? expected)
    {
        Assert.NotEmpty(name);
        using var own = Made("own", "a.example");
        using var wild = Made("wild", "*.example");
        var table = new CertificateTable([.. own.Names.Select(n => (n, own)), .. wild.Names.Select(n => (n, wild))]);
        var found = table.Find(asked);
        Assert.Equal(expected, found == own ? "own" : found == wild ? "wild" : found is null ? null : "?");
    }

    [Fact]
    public void A_secret_with_the_wrong_key_says_so()
    {
        var (certificate, _) = Pem("a", "a.example");
        var (_, key) = Pem("b", "b.example");
        Assert.Throws<CryptographicException>(() => ServedCertificate.FromPem(Encoding.ASCII.GetBytes(certificate), Encoding.ASCII.GetBytes(key)));
        Assert.Throws<CryptographicException>(() => ServedCertificate.FromPem("rubbish"u8, "rubbish"u8));
    }

    private static ServedCertificate Made(string subject, string dns)
    {
        var (certificate, key) = Pem(subject, dns);
        return ServedCertificate.FromPem(Encoding.ASCII.GetBytes(certificate), Encoding.ASCII.GetBytes(key));
    }

    private static (string Certificate, string Key) Pem(string subject, string dns)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={subject}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(dns);
        request.CertificateExtensions.Add(names.Build());
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        return (made.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}
