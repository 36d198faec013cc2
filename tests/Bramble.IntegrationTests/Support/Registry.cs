using System.Collections.Concurrent;
using System.Formats.Tar;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Bramble.IntegrationTests.Support;

/// <summary>A read-only image registry on this machine (the distribution protocol's GETs): every repository has the busybox image under every tag but
/// <c>missing</c>. Repositories below <c>private/</c> want user and password.</summary>
internal sealed class Registry : IAsyncDisposable
{
    public const string User = "someone";
    public const string Password = "let me in";

    private readonly HttpListener listener = new();
    private readonly Dictionary<string, byte[]> blobs = [];
    private readonly string manifest;
    private readonly Task serving;

    public Registry()
    {
        using (var archive = new TarReader(File.OpenRead(TestFiles.BusyboxImage)))
        {
            while (archive.GetNextEntry(copyData: true) is { } entry)
            {
                if (entry.DataStream is null) continue;
                var content = new MemoryStream();
                entry.DataStream.CopyTo(content);
                blobs[entry.Name.Replace("blobs/sha256/", "sha256:")] = content.ToArray();
            }
        }
        manifest = (string)JsonNode.Parse(blobs["index.json"])!["manifests"]![0]!["digest"]!;
        using (var free = new TcpListener(IPAddress.Any, 0))
        {
            free.Start();
            Port = ((IPEndPoint)free.LocalEndpoint).Port;
        }
        listener.Prefixes.Add($"http://*:{Port}/");
        listener.Start();
        serving = Serve();
    }

    public int Port { get; }

    /// <summary>What images of it begin with, as the test hosts see it.</summary>
    public string Name => $"10.201.0.1:{Port}";

    /// <summary>The paths that were asked for.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Lets a host's containerd speak plain HTTP to it.</summary>
    public async Task Trust(TestHost host) =>
        (await host.Shell($"d=/var/lib/rancher/k3s/agent/etc/containerd/certs.d/{Name}; mkdir -p $d; printf 'server = \"http://{Name}\"\\n[host.\"http://{Name}\"]\\ncapabilities = [\"pull\", \"resolve\"]\\n' >$d/hosts.toml")).Succeeded();

    public async ValueTask DisposeAsync()
    {
        listener.Close();
        await serving;
    }

    private async Task Serve()
    {
        while (true)
        {
            HttpListenerContext http;
            try
            {
                http = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            Answer(http);
            http.Response.Close();
        }
    }

    private void Answer(HttpListenerContext http)
    {
        var path = http.Request.Url!.AbsolutePath;
        Requests.Enqueue($"{http.Request.HttpMethod} {path}");
        var isKnown = http.Request.Headers["Authorization"] == "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}"));
        if (path.StartsWith("/v2/private/", StringComparison.Ordinal) && !isKnown)
        {
            http.Response.StatusCode = 401;
            http.Response.AddHeader("WWW-Authenticate", "Basic realm=\"test\"");
            return;
        }
        var reference = path[(path.LastIndexOf('/') + 1)..];
        var digest = path.Contains("/manifests/") && !reference.StartsWith("sha256:", StringComparison.Ordinal) ? manifest : reference;
        if (path == "/v2/") return;
        if (reference == "missing" || !blobs.TryGetValue(digest, out var content))
        {
            http.Response.StatusCode = 404;
            return;
        }
        http.Response.ContentType = path.Contains("/manifests/") ? "application/vnd.oci.image.manifest.v1+json" : "application/octet-stream";
        http.Response.AddHeader("Docker-Content-Digest", digest);
        http.Response.ContentLength64 = content.Length;
        if (http.Request.HttpMethod == "GET") http.Response.OutputStream.Write(content);
    }
}
