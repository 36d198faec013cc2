using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Bramble.Api.Certificates;

/// <summary>PKCS #10 requests of all kinds of keys that Kubernetes takes.</summary>
public static class SigningRequests
{
    /// <summary>Reads a request whose signature shows that who asks has the key.</summary>
    /// <exception cref="CryptographicException">It is none, or its signature is wrong.</exception>
    public static CertificateRequest Load(byte[] der)
    {
        var request = Load(der, CertificateRequestLoadOptions.UnsafeLoadCertificateExtensions | CertificateRequestLoadOptions.SkipSignatureValidation);
        if (request.PublicKey.Oid.Value != Ed25519.Oid) return Load(der, CertificateRequestLoadOptions.UnsafeLoadCertificateExtensions);
        try
        {
            var parts = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
            var signed = parts.ReadEncodedValue();
            var algorithm = parts.ReadSequence().ReadObjectIdentifier();
            if (algorithm == Ed25519.Oid && Ed25519.Verify(request.PublicKey.EncodedKeyValue.RawData, signed.Span, parts.ReadBitString(out _))) return request;
        }
        catch (AsnContentException e)
        {
            throw new CryptographicException(e.Message, e);
        }
        throw new CryptographicException("x509: Ed25519 verification failure");
    }

    private static CertificateRequest Load(byte[] der, CertificateRequestLoadOptions options) =>
        CertificateRequest.LoadSigningRequest(der, HashAlgorithmName.SHA256, options, RSASignaturePadding.Pkcs1);
}
