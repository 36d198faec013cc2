using System.Text;
using Bramble.Client;
using Bramble.Controllers.ServiceAccounts;
using k8s;
using k8s.Models;

namespace Bramble.Controllers.Tests.ServiceAccounts;

public sealed class LegacyTokenTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);
    private const string Named = """{"metadata":{"name":"a","uid":"u"},"secrets":[{"name":"t"}]}""";
    private const string Old = "2025-06-30T00:00:00Z";

    public static TheoryData<string, string, string, string?, bool, object> Cases => new()
    {
        { "a year old and never used: marked", Old, "{}", Named, false, new LegacyToken.MarkInvalid("2026-07-01") },
        { "not a year old yet", "2025-07-02T00:00:00Z", "{}", Named, false, new LegacyToken.Keep() },
        { "used within the year", Old, """{"kubernetes.io/legacy-token-last-used":"2025-07-01"}""", Named, false, new LegacyToken.Keep() },
        { "last used more than a year ago", Old, """{"kubernetes.io/legacy-token-last-used":"2025-06-30"}""", Named, false, new LegacyToken.MarkInvalid("2026-07-01") },
        { "a use that nobody understands keeps it", Old, """{"kubernetes.io/legacy-token-last-used":"yesterday"}""", Named, false, new LegacyToken.Keep() },
        { "made by hand: its account does not name it", Old, "{}", """{"metadata":{"name":"a"}}""", false, new LegacyToken.Keep() },
        { "without its account", Old, "{}", null, false, new LegacyToken.Keep() },
        { "a Pod has it mounted", Old, "{}", Named, true, new LegacyToken.Keep() },
        { "invalid for less than a year", Old, """{"kubernetes.io/legacy-token-invalid-since":"2025-07-01"}""", Named, false, new LegacyToken.Keep() },
        { "invalid for more than a year: it goes", Old, """{"kubernetes.io/legacy-token-invalid-since":"2025-06-30"}""", Named, false, new LegacyToken.Delete() },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decide(string because, string created, string labels, string? account, bool isMounted, object expected)
    {
        Assert.NotEmpty(because);
        var secret = Read<V1Secret>("{\"metadata\":{\"name\":\"t\",\"creationTimestamp\":\"" + created + "\",\"labels\":" + labels + "},\"type\":\"kubernetes.io/service-account-token\"}");
        Assert.Equal(expected, LegacyToken.Decide(secret, account is null ? null : Read<V1ServiceAccount>(account), isMounted, Noon));
    }

    private static T Read<T>(string json) where T : class, IKubernetesObject<V1ObjectMeta> => KubeObject.Parse(Encoding.UTF8.GetBytes(json)).Model<T>();
}
