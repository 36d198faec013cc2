using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Bramble.ApiServer.Authentication;

/// <summary>A certificate's (or request's) subject as Kubernetes reads it. One RDN may hold several values: Go writes all organisations into one.</summary>
internal static class CertificateSubject
{
    private const string CommonNameOid = "2.5.4.3";
    private const string OrganizationOid = "2.5.4.10";
    private const string UidOid = "1.3.6.1.4.1.57683.2";

    /// <returns>Null: no common name, so nobody.</returns>
    public static UserInfo? User(X509Certificate2 certificate)
    {
        var attributes = Attributes(certificate.SubjectName);
        var name = attributes.LastOrDefault(a => a.Oid == CommonNameOid).Value;
        if (string.IsNullOrEmpty(name)) return null;
        return new UserInfo(
            name,
            [.. attributes.Where(a => a.Oid == OrganizationOid).Select(a => a.Value)],
            attributes.Where(a => a.Oid == UidOid).Select(a => a.Value).ToList() is [var uid] ? uid : "",
            new Dictionary<string, IReadOnlyList<string>>
            {
                ["authentication.kubernetes.io/credential-id"] = ["X509SHA256=" + Convert.ToHexStringLower(SHA256.HashData(certificate.RawDataMemory.Span))],
            });
    }

    public static string CommonName(X500DistinguishedName subject) => Attributes(subject).LastOrDefault(a => a.Oid == CommonNameOid).Value ?? "";

    public static IReadOnlyList<string> Organizations(X500DistinguishedName subject) => [.. Attributes(subject).Where(a => a.Oid == OrganizationOid).Select(a => a.Value)];

    private static List<(string Oid, string Value)> Attributes(X500DistinguishedName subject)
    {
        List<(string, string)> attributes = [];
        var names = new AsnReader(subject.RawData, AsnEncodingRules.DER).ReadSequence();
        while (names.HasData)
        {
            var set = names.ReadSetOf(skipSortOrderValidation: true);
            while (set.HasData)
            {
                var attribute = set.ReadSequence();
                var oid = attribute.ReadObjectIdentifier();
                var tag = attribute.PeekTag();
                // Values that are no text (none of ours) do not matter here.
                if (tag.TagClass == TagClass.Universal && (UniversalTagNumber)tag.TagValue is UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString
                        or UniversalTagNumber.IA5String or UniversalTagNumber.T61String or UniversalTagNumber.BMPString)
                    attributes.Add((oid, attribute.ReadCharacterString((UniversalTagNumber)tag.TagValue)));
            }
        }
        return attributes;
    }
}
