using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bramble.Supervisor.Layout;

namespace Bramble.Supervisor.Pki;

/// <summary>A leaf certificate on disk, made again when K3s would: expired or nearly so, other names, or another CA.</summary>
internal static class LeafCertificate
{
    /// <summary>K3s renews at a start when this much life or less is left.</summary>
    internal static readonly TimeSpan RenewBefore = TimeSpan.FromDays(120);

    /// <summary>Makes the pair when it is missing or must be renewed; true when it wrote.</summary>
    public static bool Ensure(string certificatePath, string keyPath, CertificateAuthority authority, LeafRequest leaf, DateTimeOffset now)
    {
        if (File.Exists(certificatePath) && File.Exists(keyPath) && WhyRenew(File.ReadAllText(certificatePath), authority.Certificate, leaf, now) is null) return false;
        var (certificate, key) = authority.Issue(leaf);
        SafeFile.Write(keyPath, key);
        SafeFile.Write(certificatePath, certificate, SafeFile.Shared);
        return true;
    }

    /// <summary>The reason to make the certificate again, or null.</summary>
    internal static string? WhyRenew(string pem, X509Certificate2 authority, LeafRequest leaf, DateTimeOffset now)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(pem);
            if (certificate.NotAfter - RenewBefore <= now) return "expires soon";
            if (certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) != leaf.CommonName) return "other name";
            if (!Organizations(certificate).Order().SequenceEqual(leaf.Organizations.Order())) return "other groups";
            var issuerKey = certificate.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().FirstOrDefault()?.KeyIdentifier;
            var authorityKey = authority.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault()?.SubjectKeyIdentifierBytes;
            if (issuerKey is null || authorityKey is null || !issuerKey.Value.Span.SequenceEqual(authorityKey.Value.Span)) return "other CA";
            var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault();
            var dns = names?.EnumerateDnsNames().ToHashSet(StringComparer.OrdinalIgnoreCase) ?? [];
            var addresses = names?.EnumerateIPAddresses().ToHashSet() ?? new HashSet<IPAddress>();
            if ((leaf.DnsNames ?? []).Any(name => !dns.Contains(name))) return "a name is missing";
            if ((leaf.Addresses ?? []).Any(address => !addresses.Contains(address))) return "an address is missing";
            return null;
        }
        catch (CryptographicException error)
        {
            return error.Message;
        }
    }

    private static IEnumerable<string> Organizations(X509Certificate2 certificate) =>
        certificate.SubjectName.EnumerateRelativeDistinguishedNames()
            .Where(part => !part.HasMultipleElements && part.GetSingleElementType().Value == "2.5.4.10")
            .Select(part => part.GetSingleElementValue() ?? "");
}
