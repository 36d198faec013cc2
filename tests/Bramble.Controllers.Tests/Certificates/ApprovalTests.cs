using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Certificates;
using Bramble.Client;
using Bramble.Controllers.Certificates;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Certificates;

public sealed class ApprovalTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_certificate_has_each_purpose_once_in_a_fixed_order()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var authority = new CertificateRequest("CN=ca", key, HashAlgorithmName.SHA256).CreateSelfSigned(Noon.AddDays(-1), Noon.AddDays(1));
        var request = new CertificateRequest("CN=c", key, HashAlgorithmName.SHA256);
        using var signed = X509Certificate2.CreateFromPem(CertificateSigning.Sign(request, ["netscape sgc", "s/mime", "ipsec user", "server auth", "email protection"], null, TimeSpan.FromDays(365), authority, Noon));
        Assert.Equal(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.7", "2.16.840.1.113730.4.1"],
            signed.Extensions.OfType<X509EnhancedKeyUsageExtension>().Single().EnhancedKeyUsages.Cast<Oid>().Select(o => o.Value));
    }

    /// <summary>Ed25519, which .NET neither makes nor verifies; <c>openssl req -new -key k.pem -subj "/O=system:nodes/CN=system:node:a"</c>.</summary>
    [Fact]
    public async Task A_request_for_an_Ed25519_key_is_approved()
    {
        var api = new TestCluster { IsAllowed = true };
        await using var scenario = Start("certificate-controller", api);
        var pem = new string(PemEncoding.Write("CERTIFICATE REQUEST", Convert.FromBase64String(Ed25519Request)));
        await scenario.CreateAsync(Resources.CertificateSigningRequests, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "c" },
            ["spec"] = new JsonObject
            {
                ["signerName"] = "kubernetes.io/kube-apiserver-client-kubelet",
                ["username"] = "system:node:a",
                ["request"] = Convert.ToBase64String(Encoding.ASCII.GetBytes(pem)),
                ["usages"] = new JsonArray("digital signature", "client auth"),
            },
        }.ToJsonString());
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.CertificateSigningRequests, "c"))!["status"]?["conditions"]?[0]?["message"]
            == "Auto approving self kubelet client certificate after SubjectAccessReview.");
    }

    [Fact]
    public void An_Ed25519_key_is_signed_for()
    {
        using var key = RSA.Create(2048);
        using var authority = new CertificateRequest("CN=ca", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(Noon.AddDays(-1), Noon.AddDays(1));
        var request = SigningRequests.Load(Convert.FromBase64String(Ed25519Request));
        using var signed = X509Certificate2.CreateFromPem(CertificateSigning.Sign(request, ["client auth"], null, TimeSpan.FromDays(365), authority, Noon));
        Assert.Equal("CN=system:node:a, O=system:nodes", signed.Subject);
        Assert.Equal(request.PublicKey.EncodedKeyValue.RawData, signed.PublicKey.EncodedKeyValue.RawData);
        Assert.Equal(Ed25519.Oid, signed.PublicKey.Oid.Value);
    }

    private const string Ed25519Request =
        "MIGuMGICAQAwLzEVMBMGA1UECgwMc3lzdGVtOm5vZGVzMRYwFAYDVQQDDA1zeXN0ZW06bm9kZTphMCowBQYDK2VwAyEAqPSfX/2xG+g1t6GgbhamQPHM3RTGkj0uQDJD9+stW9CgADAFBgMrZXADQQBkqtoO8PgrhzrceNbbeeR2P++PhwWSnKWxDt0rNQWSHrCLSVdqbbe2Zbjen+euto3i3FdOCuH9fnZZc9aBo5gB";

    [Fact]
    public async Task Who_gets_the_right_later_is_approved_later()
    {
        var api = new TestCluster();
        api.IsAllowed = false;
        await using var scenario = Start("certificate-controller", api);
        api.Clock = scenario.Time;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var pem = new CertificateRequest("O=system:nodes, CN=system:node:n", key, HashAlgorithmName.SHA256).CreateSigningRequestPem();
        await scenario.CreateAsync(Resources.CertificateSigningRequests, new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "c" },
            ["spec"] = new JsonObject
            {
                ["signerName"] = "kubernetes.io/kube-apiserver-client-kubelet",
                ["username"] = "u",
                ["request"] = Convert.ToBase64String(Encoding.ASCII.GetBytes(pem)),
                ["usages"] = new JsonArray("digital signature", "client auth"),
            },
        }.ToJsonString());
        await EventuallyAsync(() => Task.FromResult(api.Reviews > 0));
        Assert.Null((await scenario.FindAsync(Resources.CertificateSigningRequests, "c"))!["status"]);
        api.IsAllowed = true;
        await EventuallyAsync(async () =>
        {
            scenario.Time.Advance(TimeSpan.FromSeconds(1));
            return (string?)(await scenario.FindAsync(Resources.CertificateSigningRequests, "c"))!["status"]?["conditions"]?[0]?["message"] == "Auto approving kubelet client certificate after SubjectAccessReview.";
        });
    }
}
