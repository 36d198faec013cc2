using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Bramble.Api.Errors;
using Bramble.ApiServer.Aggregation;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Requests;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Aggregation;

/// <summary>Questions of this process' own parts (a HorizontalPodAutoscaler for a metric) to a server behind an APIService.</summary>
public sealed class AggregatorTests
{
    private const string Path = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/a/pods/*/requests";
    private static readonly UserInfo Autoscaler = new("system:serviceaccount:kube-system:horizontal-pod-autoscaler", ["system:serviceaccounts"]);

    public static TheoryData<string, string, string, string> Answers => new()
    {
        { "200 OK", """{"kind":"MetricValueList","items":[]}""", "", "" },
        {
            "404 Not Found", """{"kind":"Status","status":"Failure","reason":"NotFound","message":"the server could not find the metric requests for pods","code":404}""",
            "NotFound", "the server could not find the metric requests for pods"
        },
        { "404 Not Found", "404 page not found", "NotFound", "the server could not find the requested resource (get pods.custom.metrics.k8s.io *)" },
        { "503 Service Unavailable", "later", "ServiceUnavailable", "the server is currently unable to handle the request (get pods.custom.metrics.k8s.io *)" },
        { "500 Internal Server Error", "oh", "InternalError", "an error on the server (\"oh\") has prevented the request from succeeding (get pods.custom.metrics.k8s.io *)" },
        { "200 OK", "no JSON", "ServiceUnavailable", "the server is currently unable to handle the request (get pods.custom.metrics.k8s.io *)" },
    };

    [Theory, MemberData(nameof(Answers))]
    public async Task The_other_server_is_asked_as_the_one_who_asks_and_its_errors_have_a_clients_words(string status, string body, string reason, string message)
    {
        using var certificate = SelfSigned();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var heard = AnswerAsync(listener, certificate, status, body);
        using var aggregator = new Aggregator(Cluster(((IPEndPoint)listener.LocalEndpoint).Port, "True"), () => certificate);
        var asking = AskAsync(aggregator);
        if (reason.Length == 0)
        {
            Assert.Equal("MetricValueList", (string?)(await asking)["kind"]);
        }
        else
        {
            var error = await Assert.ThrowsAsync<StatusException>(() => asking);
            Assert.Equal((reason, message), (error.Status.Reason, error.Status.Message));
        }

        var lines = (await heard).Split("\r\n");
        Assert.Equal($"GET {Path}?labelSelector=app%3Dweb HTTP/1.1", lines[0]);
        Assert.Contains($"X-Remote-User: {Autoscaler.Name}", lines);
    }

    [Theory]
    [InlineData("False")] // known to be away: not asked
    [InlineData("True")] // nobody listens
    public async Task A_server_that_is_away_is_unavailable(string available)
    {
        using var certificate = SelfSigned();
        using var aggregator = new Aggregator(Cluster(1, available), () => certificate);
        var error = await Assert.ThrowsAsync<StatusException>(() => AskAsync(aggregator));
        Assert.Equal("the server is currently unable to handle the request (get pods.custom.metrics.k8s.io *)", error.Status.Message);
    }

    /// <summary>What the garbage collector and the namespace controller do with another server's objects.</summary>
    [Theory]
    [InlineData("list", "200 OK", """{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"f","namespace":"a"}}]}""", "GET /apis/custom.metrics.k8s.io/v1beta2/namespaces/a/fischers HTTP/1.1", "f at 7")]
    [InlineData("list", "503 Service Unavailable", "later", "GET /apis/custom.metrics.k8s.io/v1beta2/namespaces/a/fischers HTTP/1.1", "the server is currently unable to handle the request (get fischers.custom.metrics.k8s.io)")]
    [InlineData("delete", "200 OK", "{}", "DELETE /apis/custom.metrics.k8s.io/v1beta2/namespaces/a/fischers/f HTTP/1.1", "True")]
    [InlineData("delete", "404 Not Found", "gone", "DELETE /apis/custom.metrics.k8s.io/v1beta2/namespaces/a/fischers/f HTTP/1.1", "False")]
    public async Task Objects_of_another_server_are_reached_as_those_of_this_one(string verb, string status, string body, string request, string result)
    {
        using var certificate = SelfSigned();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var heard = AnswerAsync(listener, certificate, status, body);
        using var aggregator = new Aggregator(Cluster(((IPEndPoint)listener.LocalEndpoint).Port, "True"), () => certificate);
        var fischers = new ResourceId("custom.metrics.k8s.io", "v1beta2", "fischers", "Fischer", true);
        var name = verb == "list" ? "" : "f";
        var client = aggregator.ClientOf(aggregator.Find(fischers.Group, fischers.Version)!, fischers.GroupResource, name, Autoscaler);
        try
        {
            var answer = verb == "list"
                ? await client.ListAsync(fischers, new ListQuery("a"), TestContext.Current.CancellationToken) is { Items: [var item] } list ? $"{item.Name.Name} at {list.ResourceVersion}" : "none"
                : $"{await client.DeleteAsync(fischers, new("a", name), new DeleteQuery(PropagationPolicy: "Background"), TestContext.Current.CancellationToken)}";
            Assert.Equal(result, answer);
        }
        catch (StatusException e)
        {
            Assert.Equal(result, e.Message);
        }
        Assert.Equal(request, (await heard).Split("\r\n")[0]);
    }

    private static async Task<System.Text.Json.Nodes.JsonObject> AskAsync(Aggregator aggregator)
    {
        var info = RequestInfoReader.Read("GET", Path, QueryParameters.Empty);
        return await aggregator.GetAsync(aggregator.Find(info)!, info, Path + "?labelSelector=app%3Dweb", Autoscaler, TestContext.Current.CancellationToken);
    }

    private static FixedReader Cluster(int port, string available) => new FixedReader()
        .With("apiregistration.k8s.io", "apiservices", RemoteServices.Json(
            "v1beta2.custom.metrics.k8s.io", ""","service":{"namespace":"wardle","name":"api"},"insecureSkipTLSVerify":true""", available: available))
        .With("", "services", """{"metadata":{"name":"api","namespace":"wardle"},"spec":{"ports":[{"port":443}]}}""")
        .With("discovery.k8s.io", "endpointslices", $$$"""
            {"metadata":{"name":"api-1","namespace":"wardle","labels":{"kubernetes.io/service-name":"api"}},"ports":[{"name":"","port":{{{port}}}}],"endpoints":[{"addresses":["127.0.0.1"]}]}
            """);

    /// <summary>The head of one request over TLS.</summary>
    private static async Task<string> AnswerAsync(TcpListener listener, X509Certificate2 certificate, string status, string body)
    {
        using var connection = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken);
        await using var stream = new SslStream(connection.GetStream());
        await stream.AuthenticateAsServerAsync(certificate);
        var head = new StringBuilder();
        var buffer = new byte[4096];
        while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
            head.Append(Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer, TestContext.Current.CancellationToken)));
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}"), TestContext.Current.CancellationToken);
        return head.ToString();
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var made = new CertificateRequest("CN=api.wardle.svc", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
