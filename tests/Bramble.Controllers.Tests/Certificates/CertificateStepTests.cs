using System.Security.Cryptography.X509Certificates;
using Bramble.Controllers.Certificates;
using k8s.Models;

namespace Bramble.Controllers.Tests.Certificates;

/// <summary>It is noon, and each request is a minute old.</summary>
public sealed class CertificateStepTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    private const string Kubelet = "kubernetes.io/kube-apiserver-client-kubelet";
    private const string Serving = "kubernetes.io/kubelet-serving";
    private const string Client = "kubernetes.io/kube-apiserver-client";
    private const string Legacy = "kubernetes.io/legacy-unknown";
    private const string ForClients = "digital signature,client auth";
    private const string ForServers = "digital signature,server auth";
    private const string AskSelf = "ask selfnodeclient nodeclient";

    /// <param name="asks">Who made the request.</param>
    /// <param name="wanted">Common name; with "+dns" an alternative name besides, with "-" of another organization; null: nobody can read it.</param>
    /// <param name="conditions">Types that are True; with "!" False. "Signed": it has a certificate.</param>
    [Theory]
    [InlineData("a kubelet's own", Kubelet, "system:node:a", "system:node:a", ForClients, "", AskSelf)]
    [InlineData("a kubelet's first, asked for with a bootstrap token", Kubelet, "system:bootstrap:x", "system:node:a", ForClients, "", "ask nodeclient")]
    [InlineData("one kubelet for another", Kubelet, "system:node:b", "system:node:a", ForClients, "", "ask nodeclient")]
    [InlineData("with usages of a server", Kubelet, "system:node:a", "system:node:a", ForServers, "", "keep")]
    [InlineData("with an alternative name", Kubelet, "system:node:a", "system:node:a+dns", ForClients, "", "keep")]
    [InlineData("of no node", Kubelet, "a", "a", ForClients, "", "keep")]
    [InlineData("of another organization", Kubelet, "system:node:a", "system:node:a-", ForClients, "", "keep")]
    [InlineData("without usages", Kubelet, "system:node:a", "system:node:a", "", "", "keep")]
    [InlineData("nobody can read it", Kubelet, "system:node:a", null, ForClients, "", "keep")]
    [InlineData("of a kubelet as server: a person approves", Serving, "system:node:a", "system:node:a+dns", ForServers, "", "keep")]
    [InlineData("of any client: a person approves", Client, "system:node:a", "system:node:a", ForClients, "", "keep")]
    [InlineData("of another signer", "example.com/s", "system:node:a", "system:node:a", ForClients, "", "keep")]
    [InlineData("denied", Kubelet, "system:node:a", "system:node:a", ForClients, "Denied", "keep")]
    [InlineData("failed before anybody approved it", Kubelet, "system:node:a", "system:node:a", ForClients, "Failed", AskSelf)]
    [InlineData("a condition of somebody else", Kubelet, "system:node:a", "system:node:a", ForClients, "Seen", AskSelf)]
    [InlineData("denied, whatever its status", Kubelet, "system:node:a", "system:node:a", ForClients, "Denied!", "keep")]
    [InlineData("signed", Kubelet, "system:node:a", "system:node:a", ForClients, "Signed", "keep")]

    [InlineData("a kubelet's, approved", Kubelet, "system:node:a", "system:node:a", ForClients, "Approved", "sign Client")]
    [InlineData("whoever asked: it is approved", Kubelet, "somebody", "system:node:a", ForClients, "Approved", "sign Client")]
    [InlineData("a kubelet's that is none", Kubelet, "a", "a", ForClients, "Approved", "fail subject common name does not begin with system:node:")]
    [InlineData("a kubelet's with usages of a server", Kubelet, "a", "system:node:a", ForServers, "Approved", "fail usages did not match [client auth digital signature key encipherment]")]
    [InlineData("a kubelet's as server, approved", Serving, "system:node:a", "system:node:a+dns", ForServers, "Approved", "sign Serving")]
    [InlineData("a kubelet's as server without a name", Serving, "system:node:a", "system:node:a", ForServers, "Approved", "fail DNS or IP subjectAltName is required")]
    [InlineData("a kubelet's as server with usages of a client", Serving, "a", "system:node:a+dns", ForClients, "Approved", "fail usages did not match [digital signature key encipherment server auth]")]
    [InlineData("any client's, approved", Client, "a", "a+dns", ForClients, "Approved", "sign Client")]
    [InlineData("any client's, with all that is allowed", Client, "a", "a", "client auth,digital signature,key encipherment", "Approved", "sign Client")]
    [InlineData("any client's, to authenticate only", Client, "a", "a", "client auth", "Approved", "sign Client")]
    [InlineData("any client's that is a server too", Client, "a", "a", "client auth,server auth", "Approved", "fail invalid usage for client certificate: server auth")]
    [InlineData("any client's that says not what for", Client, "a", "a", "digital signature", "Approved", "fail missing required usage for client certificate: client auth")]
    [InlineData("any client's without usages", Client, "a", "a", "", "Approved", "fail missing required usage for client certificate: client auth")]
    [InlineData("the signer of old asks nothing", Legacy, "a", "a", "cert sign", "Approved", "sign Client")]
    [InlineData("another signer's, approved", "example.com/s", "a", "a", ForClients, "Approved", "keep")]
    [InlineData("approved, and nobody can read it", Legacy, "a", null, ForClients, "Approved", "keep")]
    [InlineData("approved and denied", Legacy, "a", "a", ForClients, "Approved,Denied", "keep")]
    [InlineData("approved and failed", Legacy, "a", "a", ForClients, "Approved,Failed", "keep")]
    [InlineData("approved and not failed", Legacy, "a", "a", ForClients, "Approved,Failed!", "sign Client")]
    [InlineData("approved and signed", Legacy, "a", "a", ForClients, "Approved,Signed", "keep")]
    [InlineData("approved, without authorities", Legacy, "a", "a", ForClients, "Approved", "keep", false)]
    [InlineData("approved and wrong, without authorities", Client, "a", "a", ForServers, "Approved", "keep", false)]
    [InlineData("a kubelet's own is approved without authorities too", Kubelet, "system:node:a", "system:node:a", ForClients, "", AskSelf, false)]
    public void Decide(string because, string signer, string asks, string? wanted, string usages, string conditions, string expected, bool signs = true)
    {
        Assert.NotEmpty(because);
        var decided = CertificateStep.Decide(Request(signer, asks, usages, conditions), wanted is null ? null : Wanted(wanted), signs, Noon);
        Assert.Equal(expected, decided switch
        {
            CertificateStep.Keep => "keep",
            CertificateStep.Ask(var rights, _) => $"ask {string.Join(' ', rights.Select(r => r.Subresource))}",
            CertificateStep.Sign(var authority) => $"sign {authority}",
            CertificateStep.Fail(var message) => $"fail {message}",
            _ => "?",
        });
    }

    [Fact]
    public void The_words_are_those_of_the_right_that_who_asks_has()
    {
        var ask = Assert.IsType<CertificateStep.Ask>(CertificateStep.Decide(Request(Kubelet, "system:node:a", ForClients, ""), Wanted("system:node:a"), true, Noon));
        Assert.Equal(
            [
                new ApprovingRight("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."),
                new ApprovingRight("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."),
            ], ask.Rights);
    }

    /// <param name="age">Of the request, in seconds; null: it does not say.</param>
    [Theory]
    [InlineData("a new one", 0, 1)]
    [InlineData("by a clock that is ahead of ours", -30, 1)]
    [InlineData("twice as old then", 40, 40)]
    [InlineData("but never much later", 5000, 1000)]
    [InlineData("nobody knows how old", null, 1)]
    public void When_to_ask_again(string because, int? age, int expected)
    {
        Assert.NotEmpty(because);
        var csr = Request(Kubelet, "system:node:a", ForClients, "");
        csr.Metadata.CreationTimestamp = age is { } seconds ? Noon.AddSeconds(-seconds).UtcDateTime : null;
        var ask = Assert.IsType<CertificateStep.Ask>(CertificateStep.Decide(csr, Wanted("system:node:a"), true, Noon));
        Assert.Equal(expected, ask.Again.TotalSeconds);
    }

    private static RequestedCertificate Wanted(string wanted)
    {
        var name = wanted.TrimEnd('-').Replace("+dns", "", StringComparison.Ordinal);
        return new RequestedCertificate(new X500DistinguishedName(""), name, [wanted.EndsWith('-') ? "others" : "system:nodes"], wanted.EndsWith("+dns", StringComparison.Ordinal) ? 1 : 0, 0, 0, 0);
    }

    private static V1CertificateSigningRequest Request(string signer, string asks, string usages, string conditions)
    {
        var types = conditions.Split(',', StringSplitOptions.RemoveEmptyEntries);
        return new()
        {
            Metadata = new V1ObjectMeta { CreationTimestamp = Noon.AddMinutes(-1).UtcDateTime },
            Spec = new V1CertificateSigningRequestSpec { SignerName = signer, Username = asks, Usages = usages.Length == 0 ? null : usages.Split(',') },
            Status = types.Length == 0 ? null : new V1CertificateSigningRequestStatus
            {
                Certificate = types.Contains("Signed") ? "PEM"u8.ToArray() : null,
                Conditions = [.. types.Where(t => t != "Signed").Select(t => new V1CertificateSigningRequestCondition { Type = t.TrimEnd('!'), Status = t.EndsWith('!') ? "False" : "True" })],
            },
        };
    }
}
