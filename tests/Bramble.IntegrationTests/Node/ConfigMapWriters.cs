using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>Writers that create, update and delete ConfigMaps and remember what the server acknowledged.</summary>
internal sealed class ConfigMapWriters : IDisposable
{
    private readonly HttpClient _http;
    private readonly ConcurrentDictionary<string, string?> _expected = new();
    private readonly ConcurrentDictionary<string, string> _revisions = new();
    private readonly ConcurrentBag<string> _twice = [];
    private int _acknowledged;

    public ConfigMapWriters(Cluster cluster)
    {
        var config = File.ReadAllText(cluster.Kubeconfig);
        string Data(string key) => config[(config.IndexOf(key, StringComparison.Ordinal) + key.Length)..].Split('\n')[0].Trim();
        string Pem(string key) => Encoding.UTF8.GetString(Convert.FromBase64String(Data(key)));
        var pair = X509Certificate2.CreateFromPem(Pem("client-certificate-data: "), Pem("client-key-data: "));
        var handler = new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(2) };
        // What is written is looked at, not who answers.
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        handler.SslOptions.ClientCertificates = [pair];
        _http = new HttpClient(handler) { BaseAddress = new Uri($"https://{cluster.Host.Address}:6443/api/v1/namespaces/default/configmaps/"), Timeout = TimeSpan.FromSeconds(20) };
    }

    public int Acknowledged => Volatile.Read(ref _acknowledged);

    public async Task WriteUntil(int writer, CancellationToken cancel)
    {
        for (var n = 0; !cancel.IsCancellationRequested; n++)
        {
            var name = $"w{writer}-{n}";
            var text = Guid.NewGuid().ToString("N");
            // Of three: one is only created, one is updated, one is deleted again.
            if (!await Send(HttpMethod.Post, "", name, text)) continue;
            _expected[name] = text;
            if (n % 3 == 1)
            {
                var newer = Guid.NewGuid().ToString("N");
                // Unanswered: either may be there.
                _expected.TryRemove(name, out _);
                if (await Send(HttpMethod.Put, name, name, newer)) _expected[name] = newer;
            }
            else if (n % 3 == 2)
            {
                _expected.TryRemove(name, out _);
                if (await Send(HttpMethod.Delete, name, name, null)) _expected[name] = null;
            }
        }
    }

    public async Task EverythingAcknowledgedIsThere()
    {
        var list = JsonNode.Parse(await _http.GetStringAsync("", TestContext.Current.CancellationToken))!;
        var there = list["items"]!.AsArray().ToDictionary(item => (string)item!["metadata"]!["name"]!, item => (string?)item!["data"]?["text"]);
        var lost = _expected.Where(pair => there.GetValueOrDefault(pair.Key) != pair.Value)
            .Select(pair => $"{pair.Key}: acknowledged {pair.Value ?? "deleted"}, found {there.GetValueOrDefault(pair.Key) ?? "nothing"}").Take(10).ToList();
        Assert.True(lost.Count == 0, $"{lost.Count} of {_expected.Count}:\n{string.Join('\n', lost)}");
        Assert.Empty(_twice);
        var newest = long.Parse((string)list["metadata"]!["resourceVersion"]!, CultureInfo.InvariantCulture);
        Assert.All(_revisions.Keys, revision => Assert.True(long.Parse(revision, CultureInfo.InvariantCulture) <= newest));
    }

    public void Dispose() => _http.Dispose();

    /// <returns>Whether the server acknowledged.</returns>
    private async Task<bool> Send(HttpMethod method, string path, string name, string? text)
    {
        using var request = new HttpRequestMessage(method, path);
        if (text is not null)
        {
            var body = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "ConfigMap", ["metadata"] = new JsonObject { ["name"] = name }, ["data"] = new JsonObject { ["text"] = text } };
            request.Content = new StringContent(body.ToJsonString(), new MediaTypeHeaderValue("application/json"));
        }
        try
        {
            using var answer = await _http.SendAsync(request, CancellationToken.None);
            if (answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable) return false;
            var written = JsonNode.Parse(await answer.Content.ReadAsStringAsync(CancellationToken.None))!;
            Assert.True(answer.IsSuccessStatusCode, written.ToJsonString());
            Interlocked.Increment(ref _acknowledged);
            if (method != HttpMethod.Delete && written["metadata"]?["resourceVersion"] is { } revision && !_revisions.TryAdd((string)revision!, name))
                _twice.Add($"revision {revision} given to {_revisions[(string)revision!]} and to {name}");
            return true;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or TaskCanceledException or System.Text.Json.JsonException)
        {
            // The server died under this write: it is not acknowledged.
            await Task.Delay(50, CancellationToken.None);
            return false;
        }
    }
}
