using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bramble.Api.Errors;
using Bramble.ApiServer.Proxying;

namespace Bramble.ApiServer.Tests.Proxying;

public sealed class BackendClientTests
{
    [Fact]
    public async Task A_kubelet_that_does_not_answer_the_connection_is_an_error_of_its_own()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=system:apiserver", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        // Its packets are dropped: nothing comes back, ever.
        var options = new KubeletClientOptions(() => certificate, [], async (_, _, cancel) =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancel);
            throw new IOException("not reached");
        });
        using var client = new BackendClient(options, TimeSpan.FromMilliseconds(50));
        using var request = new HttpRequestMessage(HttpMethod.Get, "https://192.0.2.1:10250/containerLogs/default/web/web");
        var refused = await Assert.ThrowsAsync<StatusException>(() => client.SendAsync(request, TestContext.Current.CancellationToken));
        Assert.Equal(500, refused.Status.Code);
        Assert.EndsWith("Get \"https://192.0.2.1:10250/containerLogs/default/web/web\": dial tcp 192.0.2.1:10250: i/o timeout", refused.Status.Message);
    }
}
