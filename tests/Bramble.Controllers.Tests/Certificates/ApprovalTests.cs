using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Client;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Certificates;

public sealed class ApprovalTests
{
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
