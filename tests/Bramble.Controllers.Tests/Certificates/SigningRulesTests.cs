using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bramble.Controllers.Certificates;

namespace Bramble.Controllers.Tests.Certificates;

/// <summary>Who gets which certificate, and for how long. It is noon.</summary>
public sealed class SigningRulesTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    /// <param name="names">Alternative names: dns, ip, email and uri.</param>
    /// <param name="client">Why it is no kubelet's client certificate; empty: it is one.</param>
    /// <param name="serving">Why it is no kubelet's serving certificate.</param>
    [Theory]
    [InlineData("O=system:nodes, CN=system:node:n", "", "digital signature,client auth", "", "DNS or IP subjectAltName is required")]
    [InlineData("O=system:nodes, CN=system:node:n", "", "digital signature,key encipherment,client auth", "", "DNS or IP subjectAltName is required")]
    [InlineData("O=system:nodes, CN=system:node:n", "dns", "digital signature,server auth", "DNS subjectAltNames are not allowed", "")]
    [InlineData("O=system:nodes, CN=system:node:n", "ip", "digital signature,key encipherment,server auth", "IP subjectAltNames are not allowed", "")]
    [InlineData("O=system:nodes, CN=system:node:n", "dns,email", "digital signature,server auth", "DNS subjectAltNames are not allowed", "Email subjectAltNames are not allowed")]
    [InlineData("O=system:nodes, CN=system:node:n", "ip,uri", "digital signature,server auth", "IP subjectAltNames are not allowed", "URI subjectAltNames are not allowed")]
    [InlineData("O=system:nodes, CN=system:node:n", "email", "digital signature,client auth", "Email subjectAltNames are not allowed", "DNS or IP subjectAltName is required")]
    [InlineData("O=system:masters, CN=system:node:n", "dns", "digital signature,server auth", "subject organization is not system:nodes", "subject organization is not system:nodes")]
    [InlineData("O=system:nodes, O=others, CN=system:node:n", "", "digital signature,client auth", "subject organization is not system:nodes", "subject organization is not system:nodes")]
    [InlineData("O=system:nodes, CN=n", "", "digital signature,client auth", "subject common name does not begin with system:node:", "DNS or IP subjectAltName is required")]
    [InlineData("O=system:nodes, CN=n", "dns", "digital signature,server auth", "DNS subjectAltNames are not allowed", "subject common name does not begin with system:node:")]
    [InlineData("O=system:nodes, CN=system:node:n", "", "client auth", "usages did not match [client auth digital signature key encipherment]", "DNS or IP subjectAltName is required")]
    [InlineData("O=system:nodes, CN=system:node:n", "ip", "digital signature,server auth,client auth", "IP subjectAltNames are not allowed", "usages did not match [digital signature key encipherment server auth]")]
    public void A_kubelets_own(string subject, string names, string usages, string client, string serving)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (name == "dns") alternatives.AddDnsName("n");
            else if (name == "ip") alternatives.AddIpAddress(IPAddress.Loopback);
            else if (name == "email") alternatives.AddEmailAddress("a@example.com");
            else alternatives.AddUri(new Uri("https://example.com"));
        }
        if (names.Length > 0) request.CertificateExtensions.Add(alternatives.Build());
        var wanted = RequestedCertificate.Parse(request);
        Assert.Equal(client, wanted.WhyNotKubeletClient(usages.Split(',')) ?? "");
        Assert.Equal(serving, wanted.WhyNotKubeletServing(usages.Split(',')) ?? "");
    }

    /// <param name="asked">Seconds; null: it does not say.</param>
    /// <param name="days">The most that is given.</param>
    /// <param name="until">The end of the certificate, minutes after noon.</param>
    [Theory]
    [InlineData(null, 365, (365 * 24 * 60) - 5)]
    [InlineData(null, 1, (24 * 60) - 5)]
    [InlineData(2 * 24 * 3600, 1, (24 * 60) - 5)]     // more than there is
    [InlineData(12 * 3600, 365, (12 * 60) - 5)]
    [InlineData(3600, 365, 60)]                       // short ones keep their full length
    [InlineData(60, 365, 10)]                         // never less than ten minutes
    public void How_long_a_certificate_is_good(int? asked, int days, int until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var authority = new CertificateRequest("CN=ca", key, HashAlgorithmName.SHA256).CreateSelfSigned(Noon.AddDays(-1), Noon.AddYears(10));
        using var signed = X509Certificate2.CreateFromPem(CertificateSigning.Sign(new CertificateRequest("CN=c", key, HashAlgorithmName.SHA256), ["client auth"], asked, TimeSpan.FromDays(days), authority, Noon));
        Assert.Equal((Noon.AddMinutes(-5), Noon.AddMinutes(until)), (signed.NotBefore.ToUniversalTime(), signed.NotAfter.ToUniversalTime()));
    }
}
