using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;

namespace Bramble.ApiServer.Authentication;

/// <summary>Client certificates signed by the client CA: CN is the user, O are the groups.</summary>
internal sealed class CertificateAuthenticator(X509Certificate2Collection clientCa, TimeProvider time) : IAuthenticator
{
    private readonly CertificateVerifier _verifier = new(clientCa, time);

    public AuthenticationAnswer Authenticate(Credentials credentials)
    {
        if (credentials.ClientCertificate is not { } certificate) return AuthenticationAnswer.None;
        var verified = _verifier.Verify(certificate);
        return verified.Error is { } error ? AuthenticationAnswer.Failed(error) : new AuthenticationAnswer(verified.User);
    }
}

/// <summary>What a certificate says, verified against a CA bundle. Building a chain costs milliseconds, so the answer is kept as long as the connection keeps the
/// certificate; a certificate that runs out meanwhile is refused all the same. Thread-safe.</summary>
internal sealed class CertificateVerifier(X509Certificate2Collection ca, TimeProvider time)
{
    private const string ClientAuthUsage = "1.3.6.1.5.5.7.3.2";

    private readonly ConditionalWeakTable<X509Certificate2, Verified> _known = [];

    /// <param name="User">Null: the certificate has no common name, or <paramref name="Error"/> says why it is not believed.</param>
    internal sealed record Verified(UserInfo? User, string? Error, DateTime NotAfter);

    public Verified Verify(X509Certificate2 certificate)
    {
        var verified = _known.GetValue(certificate, Build);
        return verified.Error is null && verified.NotAfter < time.GetUtcNow().UtcDateTime
            ? verified with { User = null, Error = "x509: certificate has expired or is not yet valid" }
            : verified;
    }

    private Verified Build(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(ca);
        chain.ChainPolicy.ExtraStore.AddRange(ca);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid(ClientAuthUsage));
        chain.ChainPolicy.VerificationTime = time.GetUtcNow().UtcDateTime;
        var notAfter = certificate.NotAfter.ToUniversalTime();
        if (!chain.Build(certificate))
            return new Verified(null, $"verifying certificate SN={certificate.SerialNumber} failed: {string.Join(", ", chain.ChainStatus.Select(s => s.StatusInformation.Trim()))}", notAfter);
        return new Verified(CertificateSubject.User(certificate), null, notAfter);
    }
}
