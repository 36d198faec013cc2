using System.Formats.Asn1;
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
        var (request, wanted) = Read(csr);
        switch (CertificateStep.Decide(csr, wanted, signers is not null, now))
        {
            case CertificateStep.Ask(var rights, var again):
                foreach (var right in rights)
                {
                    if (!await MayAsync(csr, right.Subresource, cancel)) continue;
                    await WriteAsync(found, WithCondition(found, "Approved", "AutoApproved", right.Message, now), "approval", cancel);
                    return null;
                }
                return again;
            case CertificateStep.Sign(var authority):
                var tree = found.ToTree();
                var signer = authority == SigningAuthority.Serving ? signers!.Serving : signers!.Client;
                tree["status"]!["certificate"] = Convert.ToBase64String(Encoding.ASCII.GetBytes(
                    CertificateSigning.Sign(request!, [.. csr.Spec.Usages ?? []], csr.Spec.ExpirationSeconds, context.Config.CertificateLifeMax, signer, now)));
                await WriteAsync(found, tree, "status", cancel);
                break;
            case CertificateStep.Fail(var message):
                await WriteAsync(found, WithCondition(found, "Failed", "SignerValidationFailure", message, now), "status", cancel);
                break;
        }
        return null;
    }

    /// <returns>Nothing: it is no request, or its signature is wrong.</returns>
    private static (CertificateRequest? Request, RequestedCertificate? Wanted) Read(V1CertificateSigningRequest csr)
    {
        try
        {
            var pem = Encoding.UTF8.GetString(csr.Spec.Request);
            var request = SigningRequests.Load(Convert.FromBase64String(pem[PemEncoding.Find(pem).Base64Data]));
            return (request, RequestedCertificate.Parse(request));
        }
        catch (Exception e) when (e is CryptographicException or AsnContentException or ArgumentException or NotSupportedException)
        {
            return (null, null);
        }
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

    private async Task WriteAsync(KubeObject found, JsonObject tree, string subresource, CancellationToken cancel) =>
        _writes.Wrote(found.Name, _requests, await context.Client.UpdateAsync(Resources.CertificateSigningRequests, tree, subresource, cancel));

    private static JsonObject WithCondition(KubeObject found, string type, string reason, string message, DateTimeOffset now)
    {
        var tree = found.ToTree();
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
        return tree;
    }
}
