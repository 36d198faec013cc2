using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
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
