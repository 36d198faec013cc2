using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Certificates;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Certificates;

/// <summary>CertificateSigningRequests: approves a kubelet's own, signs what is approved for Kubernetes' own signers, and removes old ones.</summary>
/// <param name="context">What it runs with.</param>
/// <param name="signers">Null: nothing is signed here.</param>
internal sealed class CertificateController(ControllerContext context, CertificateSigners? signers) : IReconciler
{
    private const string KubeletClient = "kubernetes.io/kube-apiserver-client-kubelet";
    private const string KubeletServing = "kubernetes.io/kubelet-serving";
    private const string Client = "kubernetes.io/kube-apiserver-client";
    private const string LegacyUnknown = "kubernetes.io/legacy-unknown";
    private static readonly ResourceId AccessReviews = new("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", false);

    private readonly IInformer<V1CertificateSigningRequest> _requests = context.Watches(Resources.CertificateSigningRequests);
    private readonly WriteBarrier _writes = new();

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, context.Time, cancel);
        if (_requests.FindObject(name) is not { } found) return Requeue.Never;
        var csr = found.Model<V1CertificateSigningRequest>();
        var now = context.Time.GetUtcNow();
        if (CertificateAge.Decide(csr, now) is { } left)
        {
            if (left > TimeSpan.Zero) return Requeue.After(left).Or(await HandleAsync(found, csr, now, cancel));
            await context.Client.DeleteAsync(Resources.CertificateSigningRequests, name, new DeleteQuery(Uid: found.Uid), cancel);
            return Requeue.Never;
        }
        return Requeue.Never.Or(await HandleAsync(found, csr, now, cancel));
    }

    /// <returns>When to look again although nothing has changed; null: never.</returns>
    private async Task<TimeSpan?> HandleAsync(KubeObject found, V1CertificateSigningRequest csr, DateTimeOffset now, CancellationToken cancel)
    {
        if (csr.Status?.Certificate is { Length: > 0 } || Has(csr, "Denied") || Has(csr, "Failed")) return null;
        CertificateRequest request;
        try
        {
            var pem = Encoding.UTF8.GetString(csr.Spec.Request);
            request = SigningRequests.Load(Convert.FromBase64String(pem[PemEncoding.Find(pem).Base64Data]));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            return null;     // validation lets none through; one of an older server stays as it is until its time is over
        }
        var usages = csr.Spec.Usages?.ToHashSet(StringComparer.Ordinal) ?? [];
        if (!Has(csr, "Approved")) return await ApproveAsync(found, csr, RequestedCertificate.Parse(request), usages, now, cancel);
        await SignAsync(found, csr, request, usages, now, cancel);
        return null;
    }

    private async Task<TimeSpan?> ApproveAsync(KubeObject found, V1CertificateSigningRequest csr, RequestedCertificate wanted, HashSet<string> usages, DateTimeOffset now, CancellationToken cancel)
    {
        if (csr.Spec.SignerName != KubeletClient || wanted.WhyNotKubeletClient(usages) is not null) return null;
        string message;
        if (csr.Spec.Username == wanted.CommonName && await MayAsync(csr, "selfnodeclient", cancel)) message = "Auto approving self kubelet client certificate after SubjectAccessReview.";
        else if (await MayAsync(csr, "nodeclient", cancel)) message = "Auto approving kubelet client certificate after SubjectAccessReview.";
        else return RightsMayCome(csr, now);
        var tree = found.ToTree();
        AddCondition(tree, "Approved", "AutoApproved", message, now);
        _writes.Wrote(found.Name, _requests, await context.Client.UpdateAsync(Resources.CertificateSigningRequests, tree, "approval", cancel));
        return null;
    }

    /// <summary>Who asks may get the right to later. Asked again when the request is twice as old, as upstream's back-off does, at least every 1000 s.</summary>
    private static TimeSpan RightsMayCome(V1CertificateSigningRequest csr, DateTimeOffset now)
    {
        var age = csr.Metadata.CreationTimestamp is { } created ? now - new DateTimeOffset(DateTime.SpecifyKind(created, DateTimeKind.Utc)) : TimeSpan.Zero;
        return TimeSpan.FromSeconds(Math.Clamp(age.TotalSeconds, 1, 1000));
    }

    private async Task<bool> MayAsync(V1CertificateSigningRequest csr, string subresource, CancellationToken cancel)
    {
        var extra = new JsonObject();
        foreach (var (key, values) in csr.Spec.Extra ?? new Dictionary<string, IList<string>>()) extra[key] = new JsonArray([.. values.Select(v => (JsonNode)v)]);
        var review = new JsonObject
        {
            ["apiVersion"] = "authorization.k8s.io/v1",
            ["kind"] = "SubjectAccessReview",
            ["metadata"] = new JsonObject(),
            ["spec"] = new JsonObject
            {
                ["user"] = csr.Spec.Username,
                ["uid"] = csr.Spec.Uid,
                ["groups"] = new JsonArray([.. (csr.Spec.Groups ?? []).Select(g => (JsonNode)g)]),
                ["extra"] = extra,
                ["resourceAttributes"] = new JsonObject
                {
                    ["group"] = "certificates.k8s.io",
                    ["resource"] = "certificatesigningrequests",
                    ["verb"] = "create",
                    ["subresource"] = subresource,
                    ["version"] = "*",
                },
            },
        };
        var answer = await context.Client.CreateAsync(AccessReviews, default, review, null, cancel);
        return (bool?)answer.ToTree()["status"]?["allowed"] == true;
    }

    private async Task SignAsync(KubeObject found, V1CertificateSigningRequest csr, CertificateRequest request, HashSet<string> usages, DateTimeOffset now, CancellationToken cancel)
    {
        if (signers is null) return;
        var wanted = RequestedCertificate.Parse(request);
        string? wrong;
        X509Certificate2 authority;
        switch (csr.Spec.SignerName)
        {
            case KubeletClient:
                (wrong, authority) = (wanted.WhyNotKubeletClient(usages), signers.Client);
                break;
            case KubeletServing:
                (wrong, authority) = (wanted.WhyNotKubeletServing(usages), signers.Serving);
                break;
            case Client:
                (wrong, authority) = (WhyNotClient(csr.Spec.Usages ?? []), signers.Client);
                break;
            case LegacyUnknown:
                (wrong, authority) = (null, signers.Client);
                break;
            default:
                return;     // another signer's
        }
        var tree = found.ToTree();
        if (wrong is not null) AddCondition(tree, "Failed", "SignerValidationFailure", wrong, now);
        else tree["status"]!["certificate"] = Convert.ToBase64String(Encoding.ASCII.GetBytes(CertificateSigning.Sign(request, usages, csr.Spec.ExpirationSeconds, context.Config.CertificateLifeMax, authority, now)));
        _writes.Wrote(found.Name, _requests, await context.Client.UpdateAsync(Resources.CertificateSigningRequests, tree, "status", cancel));
    }

    internal static string? WhyNotClient(IList<string> usages) =>
        usages.FirstOrDefault(u => u is not ("digital signature" or "key encipherment" or "client auth")) is { } wrong ? $"invalid usage for client certificate: {wrong}"
        : usages.Contains("client auth") ? null : "missing required usage for client certificate: client auth";

    private static bool Has(V1CertificateSigningRequest csr, string type) => csr.Status?.Conditions?.Any(c => c.Type == type && c.Status != "False") == true;

    private static void AddCondition(JsonObject tree, string type, string reason, string message, DateTimeOffset now)
    {
        if (tree["status"] is not JsonObject status) tree["status"] = status = [];
        if (status["conditions"] is not JsonArray conditions) status["conditions"] = conditions = [];
        conditions.Add((JsonNode)new JsonObject
        {
            ["type"] = type,
            ["status"] = "True",
            ["reason"] = reason,
            ["message"] = message,
            ["lastUpdateTime"] = KubeTime.Seconds(now),
        });
    }
}

/// <summary>When a CertificateSigningRequest goes: an hour after it was signed, denied or failed; a day after it was made or approved and nothing came of it; and
/// when its certificate's time is over.</summary>
internal static class CertificateAge
{
    private static readonly TimeSpan Done = TimeSpan.FromHours(1);
    private static readonly TimeSpan Pending = TimeSpan.FromDays(1);

    /// <returns>How long it stays; zero or less: it goes now; null: it says of no time.</returns>
    public static TimeSpan? Decide(V1CertificateSigningRequest csr, DateTimeOffset now)
    {
        var conditions = csr.Status?.Conditions ?? [];
        if (conditions.Count == 0) return Left(csr.Metadata.CreationTimestamp, Pending, now);
        var isIssued = csr.Status!.Certificate is { Length: > 0 };
        TimeSpan? least = isIssued ? End(csr.Status.Certificate) - now : null;
        foreach (var condition in conditions)
        {
            var left = condition.Type switch
            {
                "Denied" or "Failed" => Left(condition.LastUpdateTime, Done, now),
                "Approved" => Left(condition.LastUpdateTime, isIssued ? Done : Pending, now),
                _ => null,
            };
            if (left is { } l && (least is null || l < least)) least = l;
        }
        return least;
    }

    /// <summary>When a certificate's time is over; null: it is none.</summary>
    private static DateTimeOffset? End(byte[] pem)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(pem));
            return certificate.NotAfter.ToUniversalTime();
        }
        catch (CryptographicException)
        {
            // A signer of another's, whose text is its own.
            return null;
        }
    }

    private static TimeSpan? Left(DateTime? since, TimeSpan life, DateTimeOffset now) =>
        since is { } at ? new DateTimeOffset(DateTime.SpecifyKind(at, DateTimeKind.Utc)) + life - now : null;
}
