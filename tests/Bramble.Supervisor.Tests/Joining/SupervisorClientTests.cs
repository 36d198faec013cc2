using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Bramble.Supervisor.Joining;
using Bramble.Supervisor.Pki;
using Bramble.Supervisor.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Supervisor.Tests.Joining;

/// <summary>What a machine that cannot join is told: one line with cause and fix. The server is a real one on a port of its own.</summary>
public sealed class SupervisorClientTests : IAsyncDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;
    private readonly string _folder = Directory.CreateTempSubdirectory("bramble-join-").FullName;
    private readonly CertificateAuthority _ca;
    private WebApplication? _server;

    public SupervisorClientTests()
    {
        var (certificate, key) = CertificateAuthority.Create("k3s-server-ca", Now);
        var (certificatePath, keyPath) = (Path.Combine(_folder, "ca.crt"), Path.Combine(_folder, "ca.key"));
        File.WriteAllText(certificatePath, certificate);
        File.WriteAllText(keyPath, key);
        _ca = CertificateAuthority.Load(certificatePath, keyPath, TimeProvider.System);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_the_right_token_the_server_is_believed()
    {
        using var client = await JoinAsync(await ServeAsync());
        Assert.Equal(_ca.ChainPem, client.CaPem);
    }

    [Fact]
    public async Task A_token_of_another_cluster_is_told() => Assert.Contains("the token belongs to another cluster than", await RefusalAsync(await ServeAsync(), hash: new string('0', 64)));

    [Fact]
    public async Task A_clock_that_is_behind_the_certificate_is_told() =>
        Assert.Contains($"but this machine's clock says {Now.AddYears(-2):u}. Set the clock: timedatectl set-ntp true.", await RefusalAsync(await ServeAsync(), clock: Now.AddYears(-2)));

    [Fact]
    public async Task A_clock_that_is_somewhat_off_is_a_warning()
    {
        var told = new List<int>();
        using var client = await JoinAsync(await ServeAsync(), clock: Now.AddMinutes(10), clockDiffers: told.Add);
        Assert.InRange(Assert.Single(told), 595, 605);
    }

    [Fact]
    public async Task A_server_without_a_name_that_it_is_called_by_is_told() =>
        Assert.Contains("its certificate is not made for the name 127.0.0.1. Use one of its names, or add --tls-san 127.0.0.1 on the server.", await RefusalAsync(await ServeAsync(address: IPAddress.Parse("10.0.0.1"))));

    [Fact]
    public async Task A_server_that_does_not_know_the_token_is_told() =>
        Assert.Contains("does not accept the token. Take it from server/node-token (or agent-token) on the server.", await RefusalAsync(await ServeAsync(answers: ("/ping", 401, ""))));

    [Fact]
    public async Task A_port_without_a_server_is_told()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        Assert.Contains($"nothing listens on port {port} there. Start the server (systemctl start k3s), or correct --server.", await RefusalAsync(new Uri($"https://127.0.0.1:{port}")));
    }

    [Fact]
    public async Task A_port_that_does_not_speak_TLS_is_told()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var answering = Task.Run(async () =>
        {
            using var client = await other.AcceptTcpClientAsync(Cancel);
            await client.GetStream().WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray(), Cancel);
        }, Cancel);
        Assert.Contains("what listens there does not speak TLS. Check the port in --server.", await RefusalAsync(new Uri($"https://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}")));
        await answering;
    }

    [Fact]
    public async Task Another_web_server_is_told() =>
        Assert.Contains("is no Kubernetes server of this kind: /cacerts answered 404. Check --server (K3S_URL).", await RefusalAsync(await ServeAsync(answers: ("/cacerts", 404, ""))));

    [Theory]
    [InlineData("an older server", """{"major":"1","minor":"35","gitVersion":"v1.35.4+k3s1"}""", "runs v1.35.4+k3s1, which is older than this machine's v1.36.2. Upgrade the server first, then its agents.")]
    [InlineData("the same version", """{"gitVersion":"v1.36.0+bramble"}""", null)]
    [InlineData("a newer server", """{"gitVersion":"v1.37.1"}""", null)]
    [InlineData("K3s does not say", null, null)]
    public async Task Of_versions(string because, string? version, string? refusal)
    {
        using var client = await JoinAsync(await ServeAsync(answers: ("/version", version is null ? 401 : 200, version ?? "")));
        var refused = await Record.ExceptionAsync(() => client.CheckVersionAsync("v1.36.2", Cancel));
        if (refusal is null) Assert.True(refused is null, because);
        else Assert.EndsWith(refusal, Assert.IsType<JoinException>(refused).Message);
    }

    [Theory]
    [InlineData("the server knows the machine, so an expired token does not matter", true, false, "known")]
    [InlineData("its Node was deleted, so the token counts", false, true, "by token")]
    [InlineData("its Node was deleted and the token has ended", false, false, null)]
    public async Task A_machine_that_has_joined_comes_with_its_certificate(string because, bool knowsCertificate, bool knowsToken, string? expected)
    {
        var (certificate, key) = _ca.Issue(new LeafRequest("system:node:pi", ["system:nodes"], CertificateUse.Client));
        using var leaf = X509Certificate2.CreateFromPem(certificate, key);
        using var own = X509CertificateLoader.LoadPkcs12(leaf.Export(X509ContentType.Pkcs12), null);
        var server = await ServeAsync(who: (hasCertificate, hasToken) => hasCertificate ? (knowsCertificate ? (200, "known") : (401, "")) : hasToken && knowsToken ? (200, "by token") : (401, ""));
        var answer = await Record.ExceptionAsync(async () =>
        {
            using var client = await JoinAsync(server, own: own);
            Assert.Equal(expected, await client.GetAsync("/v1-k3s/client-ca.crt", Cancel));
            Assert.Equal(expected, await client.SignAsync("/v1-k3s/client-kubelet.crt", [1], new NodeClaim("pi", "password", []), Cancel));
        });
        if (expected is null) Assert.Contains("does not accept the token", Assert.IsType<JoinException>(answer).Message);
        else Assert.True(answer is null, because + ": " + answer);
    }

    [Fact]
    public async Task Settings_of_a_server_that_lacks_what_an_agent_needs_are_told()
    {
        using var client = await JoinAsync(await ServeAsync(answers: ("/v1-k3s/config", 200, "{}")));
        Assert.EndsWith("the server names no service network (ServiceIPRanges). Is the server's version older than 1.36?", (await Assert.ThrowsAsync<JoinException>(() => client.SettingsAsync(Cancel))).Message);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
        _ca.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<SupervisorClient> JoinAsync(Uri server, string? hash = null, DateTimeOffset? clock = null, Action<int>? clockDiffers = null, X509Certificate2? own = null) =>
        SupervisorClient.ConnectAsync(server, new JoinToken(hash ?? CertificateAuthority.HashOfServedBundle(_ca.ChainPem), "node", "secret"), own, new FakeTimeProvider(clock ?? Now), clockDiffers ?? (_ => { }), Cancel);

    private async Task<string> RefusalAsync(Uri server, string? hash = null, DateTimeOffset? clock = null)
    {
        var message = (await Assert.ThrowsAsync<JoinException>(() => JoinAsync(server, hash, clock))).Message;
        Assert.StartsWith(hash is null ? server.ToString() : "the token", message);
        Assert.DoesNotContain('\n', message);
        Assert.DoesNotContain("secret", message);
        return message;
    }

    /// <param name="address">Which its certificate is made for.</param>
    /// <param name="answers">One path that answers otherwise.</param>
    /// <param name="who">What all but the CA answer to who has a certificate, and to who has a token.</param>
    private async Task<Uri> ServeAsync(IPAddress? address = null, (string Path, int Status, string Body)? answers = null, Func<bool, bool, (int Status, string Body)>? who = null)
    {
        var (certificate, key) = _ca.Issue(new LeafRequest("k3s", [], CertificateUse.Server, null, [address ?? IPAddress.Loopback]));
        using var leaf = X509Certificate2.CreateFromPem(certificate, key);
        var serving = X509CertificateLoader.LoadPkcs12(leaf.Export(X509ContentType.Pkcs12), null);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(serving, https =>
        {
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.AllowAnyClientCertificate();
        })));
        var server = _server = builder.Build();
        server.Run(async http =>
        {
            var path = http.Request.Path.Value!;
            if (answers is { } other && other.Path == path)
            {
                http.Response.StatusCode = other.Status;
                await http.Response.WriteAsync(other.Body);
            }
            else if (path != "/cacerts" && who is not null)
            {
                (http.Response.StatusCode, var body) = who(http.Connection.ClientCertificate is not null, http.Request.Headers.Authorization.Count > 0);
                await http.Response.WriteAsync(body);
            }
            else await http.Response.WriteAsync(path == "/cacerts" ? _ca.ChainPem : "pong");
        });
        await server.StartAsync(Cancel);
        return new Uri($"https://127.0.0.1:{new Uri(server.Urls.Single()).Port}");
    }
}
