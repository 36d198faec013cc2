using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.Certificates;

/// <summary>What a CertificateSigningRequest needs next: to be approved, to be signed, to be refused, or nothing of ours. Pure.</summary>
internal abstract record CertificateStep
{
    private const string KubeletClient = "kubernetes.io/kube-apiserver-client-kubelet";
    private const string KubeletServing = "kubernetes.io/kubelet-serving";
    private const string Client = "kubernetes.io/kube-apiserver-client";
    private const string LegacyUnknown = "kubernetes.io/legacy-unknown";

    private static readonly ApprovingRight SelfNodeClient = new("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview.");
    private static readonly ApprovingRight NodeClient = new("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.");

    private CertificateStep() { }

    public sealed record Keep : CertificateStep;

    /// <summary>It is approved when who made it has one of these rights, and with the words of the first that he has.</summary>
    /// <param name="Again">When to ask again if he has none.</param>
    public sealed record Ask(IReadOnlyList<ApprovingRight> Rights, TimeSpan Again) : CertificateStep;

    public sealed record Sign(SigningAuthority Authority) : CertificateStep;

    /// <summary>It was approved and is not what its signer gives.</summary>
    public sealed record Fail(string Message) : CertificateStep;

    /// <param name="wanted">What it asks for; null: nobody can read it. Validation lets none such through; one of an older server stays until its time is over.</param>
    /// <param name="signs">There are authorities to sign with.</param>
    public static CertificateStep Decide(V1CertificateSigningRequest csr, RequestedCertificate? wanted, bool signs, DateTimeOffset now)
    {
        if (csr.Status?.Certificate is { Length: > 0 } || Has(csr, "Denied") || wanted is null) return new Keep();
        IReadOnlyCollection<string> usages = [.. csr.Spec.Usages ?? []];
        if (!Has(csr, "Approved"))
        {
            if (csr.Spec.SignerName != KubeletClient || wanted.WhyNotKubeletClient(usages) is not null) return new Keep();
            return new Ask(csr.Spec.Username == wanted.CommonName ? [SelfNodeClient, NodeClient] : [NodeClient], RightsMayCome(csr, now));
        }
        if (!signs || HasFailed(csr)) return new Keep();
        return csr.Spec.SignerName switch
        {
            KubeletClient => SignUnless(wanted.WhyNotKubeletClient(usages), SigningAuthority.Client),
            KubeletServing => SignUnless(wanted.WhyNotKubeletServing(usages), SigningAuthority.Serving),
            Client => SignUnless(WhyNotClient(usages), SigningAuthority.Client),
            LegacyUnknown => new Sign(SigningAuthority.Client),
            _ => new Keep(),     // another signer's
        };
    }

    private static CertificateStep SignUnless(string? wrong, SigningAuthority authority) => wrong is null ? new Sign(authority) : new Fail(wrong);

    /// <summary>Who asks may get the right to later. Asked again when the request is twice as old, as upstream's back-off does, at least every 1000 s.</summary>
    private static TimeSpan RightsMayCome(V1CertificateSigningRequest csr, DateTimeOffset now)
    {
        var age = now - (KubeTime.Utc(csr.Metadata.CreationTimestamp) ?? now);
        return TimeSpan.FromSeconds(Math.Clamp(age.TotalSeconds, 1, 1000));
    }

    private static string? WhyNotClient(IReadOnlyCollection<string> usages) =>
        usages.FirstOrDefault(u => u is not ("digital signature" or "key encipherment" or "client auth")) is { } wrong ? $"invalid usage for client certificate: {wrong}"
        : usages.Contains("client auth") ? null : "missing required usage for client certificate: client auth";

    /// <summary>Validation lets nobody say that one does not hold.</summary>
    private static bool Has(V1CertificateSigningRequest csr, string type) => csr.Status?.Conditions?.Any(c => c.Type == type) == true;

    private static bool HasFailed(V1CertificateSigningRequest csr) => csr.Status?.Conditions?.Any(c => c.Type == "Failed" && c.Status is (null or "" or "True")) == true;
}

/// <summary>A right to have one's request approved: to create a certificatesigningrequests/<see cref="Subresource"/>.</summary>
/// <param name="Message">Said in the condition.</param>
internal sealed record ApprovingRight(string Subresource, string Message);

/// <summary>Which of <see cref="CertificateSigners"/> signs.</summary>
internal enum SigningAuthority
{
    Client,
    Serving,
}
