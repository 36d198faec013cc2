using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Bramble.IntegrationTests.Network;

/// <summary>An admission webhook and an API of its own over TLS, on this machine; a pod whose port leads here makes it one of the cluster's. Remembers from
/// whom its connections came: a pod's come from its node.</summary>
internal sealed class ExtensionServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ExtensionServer(WebApplication app, string certificatePem)
    {
        _app = app;
        CaBundle = Convert.ToBase64String(Encoding.UTF8.GetBytes(certificatePem));
    }

    public string CaBundle { get; }
    public int Port { get; private set; }

    /// <summary>Address of the client and path of every request.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <param name="service">NAME.NAMESPACE.svc, as the certificate must have it.</param>
    public static async Task<ExtensionServer> Start(string service)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={service}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(service);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Any, 0, listen => listen.UseHttps(certificate)));
        var app = builder.Build();
        var self = new ExtensionServer(app, certificate.ExportCertificatePem());
        app.Run(self.Answer);
        await app.StartAsync();
        self.Port = new Uri(app.Urls.Single().Replace("0.0.0.0", "localhost")).Port;
        return self;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task Answer(HttpContext http)
    {
        Requests.Enqueue($"{http.Connection.RemoteIpAddress} {http.Request.Path}");
        var answer = http.Request.Path.Value switch
        {
            "/admit" => await Admit(http),
            "/apis/far.example/v1" => new JsonObject
            {
                ["kind"] = "APIResourceList",
                ["apiVersion"] = "v1",
                ["groupVersion"] = "far.example/v1",
                ["resources"] = new JsonArray(new JsonObject { ["name"] = "stones", ["singularName"] = "stone", ["namespaced"] = false, ["kind"] = "Stone", ["verbs"] = new JsonArray("get", "list") }),
            },
            "/apis/far.example/v1/stones/one" => new JsonObject
            {
                ["kind"] = "Stone",
                ["apiVersion"] = "far.example/v1",
                ["metadata"] = new JsonObject { ["name"] = "one" },
                ["askedBy"] = http.Request.Headers["X-Remote-User"].ToString(),
            },
            _ => null,
        };
        if (answer is null) http.Response.StatusCode = 404;
        else
        {
            http.Response.ContentType = "application/json";
            await http.Response.WriteAsync(answer.ToJsonString());
        }
    }

    /// <summary>Names that begin with "bad" are refused, other objects get a label.</summary>
    private static async Task<JsonObject> Admit(HttpContext http)
    {
        var review = (await JsonNode.ParseAsync(http.Request.Body))!;
        var isBad = ((string?)review["request"]!["name"])?.StartsWith("bad", StringComparison.Ordinal) == true;
        var response = new JsonObject { ["uid"] = review["request"]!["uid"]!.DeepClone(), ["allowed"] = !isBad };
        if (isBad) response["status"] = new JsonObject { ["message"] = "the far server says no" };
        else
        {
            response["patchType"] = "JSONPatch";
            response["patch"] = Convert.ToBase64String("""[{"op":"add","path":"/metadata/labels","value":{"seen":"far-away"}}]"""u8);
        }
        return new JsonObject { ["apiVersion"] = "admission.k8s.io/v1", ["kind"] = "AdmissionReview", ["response"] = response };
    }
}
