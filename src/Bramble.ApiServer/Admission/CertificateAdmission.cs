using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>Who may act for a signer: the verb on the resource signers, by its name or for the whole domain.</summary>
internal static class SignerAuthorization
{
    public static bool MayActFor(IAuthorizer authorizer, UserInfo user, string verb, string signer)
    {
        bool Ask(string name) =>
            authorizer.Authorize(new AccessAttributes(user, verb, "certificates.k8s.io", "*", "signers", "", "", name, true, "")).Decision == AccessDecision.Allow;
        return Ask(signer) || (signer.IndexOf('/') is >= 0 and var slash && Ask(signer[..slash] + "/*"));
    }
}

/// <summary>The PKCS #10 request in a CertificateSigningRequest.</summary>
internal static class SigningRequest
{
    /// <param name="encoded">spec.request: base64 of PEM.</param>
    /// <returns>Null: it is no certificate request.</returns>
    public static X500DistinguishedName? Subject(string encoded)
    {
        try
        {
            var pem = Encoding.UTF8.GetString(Convert.FromBase64String(encoded));
            return CertificateRequest.LoadSigningRequestPem(pem, HashAlgorithmName.SHA256, CertificateRequestLoadOptions.SkipSignatureValidation).SubjectName;
        }
        catch (Exception e) when (e is FormatException or ArgumentException or CryptographicException)
        {
            return null; // the caller says what is wrong with it
        }
    }
}

/// <summary>Approving a certificate signing request takes the verb approve on its signer.</summary>
internal sealed class CertificateApproval(IAuthorizer authorizer) : IAdmissionPlugin
{
    public string Name => "CertificateApproval";

    public bool Handles(AdmissionRequest request) => request.Operation == AdmissionOperation.Update && request.Is("certificates.k8s.io", "certificatesigningrequests", "approval");

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        // The stored request counts: the new one may lie about its signer.
        var signer = request.OldObject.Object("spec").Text("signerName");
        if (!SignerAuthorization.MayActFor(authorizer, request.User, "approve", signer)) throw request.Forbidden($"user not permitted to approve requests with signerName \"{signer}\"");
        return default;
    }
}

/// <summary>Setting the certificate takes the verb sign on the signer.</summary>
internal sealed class CertificateSigning(IAuthorizer authorizer) : IAdmissionPlugin
{
    public string Name => "CertificateSigning";

    public bool Handles(AdmissionRequest request) => request.Operation == AdmissionOperation.Update && request.Is("certificates.k8s.io", "certificatesigningrequests", "status");

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var (status, old) = (request.Object.Object("status"), request.OldObject.Object("status"));
        if (!status.Differs(old, "certificate") && !status.Differs(old, "conditions")) return default;
        var signer = request.OldObject.Object("spec").Text("signerName");
        if (!SignerAuthorization.MayActFor(authorizer, request.User, "sign", signer)) throw request.Forbidden($"user not permitted to sign requests with signerName \"{signer}\"");
        return default;
    }
}

/// <summary>Nobody gets a client certificate of group system:masters: it could not be taken back.</summary>
internal sealed class CertificateSubjectRestriction : IAdmissionPlugin
{
    private const string ClientSigner = "kubernetes.io/kube-apiserver-client";

    public string Name => "CertificateSubjectRestriction";

    public bool Handles(AdmissionRequest request) =>
        request.Object is not null && request.Operation == AdmissionOperation.Create && request.Is("certificates.k8s.io", "certificatesigningrequests");

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var spec = request.Object.Object("spec");
        if (spec.Text("signerName") != ClientSigner) return default;
        if (SigningRequest.Subject(spec.Text("request")) is not { } subject) throw request.Forbidden("failed to parse CSR: PEM block type must be CERTIFICATE REQUEST");
        if (CertificateSubject.Organizations(subject).Contains("system:masters")) throw request.Forbidden($"use of {ClientSigner} signer with system:masters group is not allowed");
        return default;
    }
}
