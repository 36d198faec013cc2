using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

namespace Bramble.Controllers.Certificates;

/// <summary>A PKCS#10 request: whose certificate it asks for.</summary>
internal sealed record RequestedCertificate(X500DistinguishedName Subject, string CommonName, IReadOnlyList<string> Organizations, int DnsNames, int Addresses, int Emails, int Uris)
{
    private const string SanOid = "2.5.29.17";

    /// <exception cref="System.Security.Cryptography.CryptographicException">No request, or its signature is wrong.</exception>
    public static RequestedCertificate Parse(CertificateRequest request)
    {
        string commonName = "";
        var organizations = new List<string>();
        foreach (var part in request.SubjectName.EnumerateRelativeDistinguishedNames())
        {
            if (part.HasMultipleElements) continue;
            var oid = part.GetSingleElementType().Value;
            if (oid == "2.5.4.3") commonName = part.GetSingleElementValue() ?? "";
            else if (oid == "2.5.4.10") organizations.Add(part.GetSingleElementValue() ?? "");
        }
        int dns = 0, addresses = 0, emails = 0, uris = 0;
        foreach (var extension in request.CertificateExtensions.Where(e => e.Oid?.Value == SanOid))
        {
            var names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
            while (names.HasData)
            {
                switch (names.PeekTag().TagValue)
                {
                    case 1: emails++; break;
                    case 2: dns++; break;
                    case 6: uris++; break;
                    case 7: addresses++; break;
                }
                names.ReadEncodedValue();
            }
        }
        return new RequestedCertificate(request.SubjectName, commonName, organizations, dns, addresses, emails, uris);
    }

    /// <returns>Null: a kubelet's client certificate; else what is wrong, in upstream's words.</returns>
    public string? WhyNotKubeletClient(IReadOnlyCollection<string> usages)
    {
        if (Organizations is not ["system:nodes"]) return "subject organization is not system:nodes";
        if (DnsNames > 0) return "DNS subjectAltNames are not allowed";
        if (Emails > 0) return "Email subjectAltNames are not allowed";
        if (Addresses > 0) return "IP subjectAltNames are not allowed";
        if (Uris > 0) return "URI subjectAltNames are not allowed";
        if (!CommonName.StartsWith("system:node:", StringComparison.Ordinal)) return "subject common name does not begin with system:node:";
        return HasUsages(usages, "client auth") ? null : "usages did not match [client auth digital signature key encipherment]";
    }

    /// <returns>Null: a kubelet's serving certificate; else what is wrong, in upstream's words.</returns>
    public string? WhyNotKubeletServing(IReadOnlyCollection<string> usages)
    {
        if (Organizations is not ["system:nodes"]) return "subject organization is not system:nodes";
        if (DnsNames == 0 && Addresses == 0) return "DNS or IP subjectAltName is required";
        if (Emails > 0) return "Email subjectAltNames are not allowed";
        if (Uris > 0) return "URI subjectAltNames are not allowed";
        if (!HasUsages(usages, "server auth")) return "usages did not match [digital signature key encipherment server auth]";
        return CommonName.StartsWith("system:node:", StringComparison.Ordinal) ? null : "subject common name does not begin with system:node:";
    }

    /// <summary>Key encipherment is for RSA keys only.</summary>
    private static bool HasUsages(IReadOnlyCollection<string> usages, string purpose) =>
        usages.Contains("digital signature") && usages.Contains(purpose) && usages.All(u => u is "digital signature" or "key encipherment" || u == purpose);
}
