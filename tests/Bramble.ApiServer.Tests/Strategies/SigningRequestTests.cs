using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Strategies;

public sealed class SigningRequestTests
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;
    private static readonly ResourceId Resource = new("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", false);
    private static readonly ECDsa Key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly string Issued = new CertificateRequest("CN=a", Key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100)).ExportCertificatePem() + "\n";

    private const string NoBlock = "must contain at least one CERTIFICATE PEM block";

    public static TheoryData<string, string?> Certificates => new()
    {
        { Issued, null },
        { Issued + Issued, null },
        { "before\n" + Issued + "after\n", null },
        { "no block", NoBlock },
        { "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n", NoBlock },
        { Issued.Replace("CERTIFICATE", "CERTIFICATE1", StringComparison.Ordinal), "only CERTIFICATE PEM blocks are allowed, found \"CERTIFICATE1\"" },
        { "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "found CERTIFICATE PEM block containing 0 certificates" },
        { Issued + Issued.Replace("E-----\nM", "E-----\nkey: value\n\nM", StringComparison.Ordinal), "no PEM block headers are permitted" },
    };

    public static TheoryData<string> Requests => new()
    {
        Convert.ToBase64String(new CertificateRequest("CN=a", Key, HashAlgorithmName.SHA256).CreateSigningRequest()),
        // Of an Ed25519 key.
        "MIGuMGICAQAwLzEVMBMGA1UECgwMc3lzdGVtOm5vZGVzMRYwFAYDVQQDDA1zeXN0ZW06bm9kZTphMCowBQYDK2VwAyEAqPSfX/2xG+g1t6GgbhamQPHM3RTGkj0uQDJD9+stW9CgADAFBgMrZXADQQBkqtoO8PgrhzrceNbbeeR2P++PhwWSnKWxDt0rNQWSHrCLSVdqbbe2Zbjen+euto3i3FdOCuH9fnZZc9aBo5gB",
    };

    [Theory, MemberData(nameof(Requests))]
    public async Task A_request_that_cannot_be_read_is_the_callers_mistake(string request)
    {
        await using var api = await InMemoryApi.StartAsync();
        var good = Convert.FromBase64String(request);
        for (var i = 0; i <= good.Length; i++)
        {
            // Cut there, and changed there.
            var changed = good.ToArray();
            if (i < good.Length) changed[i] ^= 0x81;
            foreach (var der in (byte[][])[good[..Math.Min(i, good.Length - 1)], i < good.Length ? changed : []])
            {
                var wrong = Convert.ToBase64String(Encoding.ASCII.GetBytes($"-----BEGIN CERTIFICATE REQUEST-----\n{Convert.ToBase64String(der)}\n-----END CERTIFICATE REQUEST-----\n"));
                var refused = await Assert.ThrowsAsync<StatusException>(async () => await api.Client.CreateAsync(Resource, new("", "r"), new JsonObject
                {
                    ["metadata"] = new JsonObject { ["name"] = "r" },
                    ["spec"] = new JsonObject { ["request"] = wrong, ["signerName"] = "example.com/s", ["usages"] = new JsonArray("any") },
                }, null, Cancel));
                Assert.Equal(422, refused.Status.Code);
            }
        }
    }

    [Theory, MemberData(nameof(Certificates))]
    public async Task What_a_signer_answers_is_certificates_and_nothing_else(string certificate, string? complaint)
    {
        await using var api = await InMemoryApi.StartAsync();
        var request = Convert.ToBase64String(Encoding.ASCII.GetBytes(new CertificateRequest("CN=a", Key, HashAlgorithmName.SHA256).CreateSigningRequestPem()));
        await api.Client.CreateAsync(
            Resource, new("", "r"), new JsonObject { ["metadata"] = new JsonObject { ["name"] = "r" }, ["spec"] = new JsonObject { ["request"] = request, ["signerName"] = "example.com/s", ["usages"] = new JsonArray("any") } }, null, Cancel);
        var answer = new JsonObject { ["status"] = new JsonObject { ["certificate"] = Convert.ToBase64String(Encoding.ASCII.GetBytes(certificate)) } };
        var refused = await Record.ExceptionAsync(async () => await api.Client.MergePatchAsync(Resource, new("", "r"), answer, "status", Cancel));
        if (complaint is null) Assert.Null(refused);
        else Assert.Equal($"CertificateSigningRequest.certificates.k8s.io \"r\" is invalid: status.certificate: Invalid value: \"<certificate data>\": {complaint}", Assert.IsType<StatusException>(refused).Message);
    }

    [Theory]
    // Another reason for a decision that is made is not heard.
    [InlineData("status", """[{"type":"Approved","status":"True","reason":"Other"},{"type":"Failed","status":"True"}]""", "Approved True Because, Failed True ")]
    [InlineData("status", """[{"type":"Failed","status":"True"},{"type":"Approved","status":"True"}]""", "Failed True , Approved True Because")]
    [InlineData("status", """[{"type":"Failed","status":"True"}]""", "updates may not remove a condition of type \"Approved\"")]
    [InlineData("status", """[{"type":"Approved","status":"True"},{"type":"Approved","status":"True"}]""", "updates may not add a condition of type \"Approved\"")]
    [InlineData("status", """[{"type":"Approved","status":"True"},{"type":"Denied","status":"True"}]""", "updates may not add a condition of type \"Denied\"")]
    [InlineData("approval", """[{"type":"Approved","status":"True","reason":"Other"}]""", "Approved True Other")]
    [InlineData("approval", "[]", "updates may not remove a condition of type \"Approved\"")]
    [InlineData("approval", """[{"type":"Approved","status":"True"},{"type":"Denied","status":"True"}]""", "Approved and Denied conditions are mutually exclusive")]
    public async Task Only_the_approval_decides(string subresource, string conditions, string outcome)
    {
        await using var api = await InMemoryApi.StartAsync();
        var made = Convert.ToBase64String(Encoding.ASCII.GetBytes(new CertificateRequest("CN=a", Key, HashAlgorithmName.SHA256).CreateSigningRequestPem()));
        await api.Client.CreateAsync(
            Resource, new("", "r"), new JsonObject { ["metadata"] = new JsonObject { ["name"] = "r" }, ["spec"] = new JsonObject { ["request"] = made, ["signerName"] = "example.com/s", ["usages"] = new JsonArray("any") } }, null, Cancel);
        await api.Client.MergePatchAsync(Resource, new("", "r"), Conditions("""[{"type":"Approved","status":"True","reason":"Because"}]"""), "approval", Cancel);
        string told;
        try
        {
            var written = (await api.Client.MergePatchAsync(Resource, new("", "r"), Conditions(conditions), subresource, Cancel)).ToTree();
            told = string.Join(", ", written["status"]!["conditions"]!.AsArray().Select(c => $"{c!["type"]} {c["status"]} {c["reason"]}"));
        }
        catch (StatusException refused)
        {
            told = refused.Message;
        }
        Assert.Contains(outcome, told, StringComparison.Ordinal);
    }

    private static JsonObject Conditions(string list) => new() { ["status"] = new JsonObject { ["conditions"] = JsonNode.Parse(list) } };
}
