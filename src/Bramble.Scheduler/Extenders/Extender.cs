using System.Net.Http.Headers;
using System.Net.Security;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Preemption;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Extenders;

/// <summary>What an extender made of the nodes it was asked about.</summary>
internal sealed class ExtenderVerdict(IReadOnlyList<string> fitting, IReadOnlyDictionary<string, FilterResult> refused)
{
    /// <summary>Names of nodes it was asked about.</summary>
    public IReadOnlyList<string> Fitting => fitting;
    public IReadOnlyDictionary<string, FilterResult> Refused => refused;
}

/// <summary>A part of the scheduler in another process, asked by HTTP: extender/v1 of kube-scheduler. Thread-safe.</summary>
/// <remarks>Its JSON has no field names of its own but Go's; answers are read whatever their case, as Go does.</remarks>
internal sealed class Extender : IDisposable
{
    /// <summary>It may name every node of a large cluster, with all that is in them.</summary>
    private const int AnswerBytesMax = 64 * 1024 * 1024;

    /// <summary>Extenders score from 0 to 10, plugins from 0 to 100.</summary>
    private const long ScaleToPlugins = INodeScore.Max / 10;

    private static readonly JsonNodeOptions AnyCase = new() { PropertyNameCaseInsensitive = true };

    private readonly ExtenderSettings _settings;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;
    private readonly Uri _address;

    public Extender(ExtenderSettings settings, TimeProvider time)
    {
        (_settings, _time) = (settings, time);
        var handler = new SocketsHttpHandler { SslOptions = settings.Tls, AllowAutoRedirect = false, PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1) };
        _address = new Uri(settings.UrlPrefix.TrimEnd('/') + "/");
        if (settings.Tls.TargetHost is not null && _address.Scheme == "https")
        {
            // The handler asks for the certificate of the URL's host, whatever name is set: so the TLS is made here, below what it takes for plain HTTP.
            _address = new UriBuilder(_address) { Scheme = "http", Port = _address.Port }.Uri;
            handler.PlaintextStreamFilter = async (context, cancel) =>
            {
                var tls = new SslStream(context.PlaintextStream);
                await tls.AuthenticateAsClientAsync(settings.Tls, cancel);
                return tls;
            };
        }
        _http = new HttpClient(handler)
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = AnswerBytesMax,
        };
    }

    public string Url => _settings.UrlPrefix;
    public bool IsIgnorable => _settings.IsIgnorable;
    public bool Filters => _settings.FilterVerb.Length > 0;
    public bool Prioritizes => _settings.PrioritizeVerb.Length > 0;
    public bool Preempts => _settings.PreemptVerb.Length > 0;
    public bool Binds => _settings.BindVerb.Length > 0;

    /// <summary>The Pod asks for something that it manages.</summary>
    public bool Concerns(V1Pod pod) => _settings.ManagedResources.Count == 0 || Asks(pod.Spec.Containers) || Asks(pod.Spec.InitContainers);

    /// <exception cref="SchedulingException">It did not answer, or said that something is wrong.</exception>
    public async Task<ExtenderVerdict> FilterAsync(KubeObject pod, IReadOnlyList<KubeObject> nodes, CancellationToken cancel)
    {
        var answer = await PostAsync(_settings.FilterVerb, NodesOf(pod, nodes), cancel) as JsonObject ?? throw Unreadable(_settings.FilterVerb);
        if ((string?)answer["Error"] is { Length: > 0 } error) throw new SchedulingException(error);
        // Which of its two lists counts is the extender's kind.
        var fitting = _settings.IsNodeCacheCapable && answer["NodeNames"] is JsonArray names ? names.Select(n => (string?)n ?? "")
            : (answer["Nodes"]?["items"] as JsonArray ?? []).Select(n => (string?)n?["metadata"]?["name"] ?? "");
        List<string> asked = [.. nodes.Select(n => n.Name.Name)], known = [];
        foreach (var name in fitting)
            known.Add(asked.Contains(name) ? name : throw new SchedulingException($"extender \"{Url}\" claims a filtered node \"{name}\" which is not found in the input node list"));
        var refused = new Dictionary<string, FilterResult>(StringComparer.Ordinal);
        foreach (var (name, why) in answer["FailedNodes"] as JsonObject ?? []) refused[name] = FilterResult.Unschedulable((string?)why ?? "");
        foreach (var (name, why) in answer["FailedAndUnresolvableNodes"] as JsonObject ?? []) refused[name] = FilterResult.Unresolvable((string?)why ?? "");
        return new(known, refused);
    }

    /// <returns>By node, in the plugins' measure and with its weight.</returns>
    /// <exception cref="SchedulingException">It did not answer.</exception>
    public async Task<Dictionary<string, long>> PrioritizeAsync(KubeObject pod, IReadOnlyList<KubeObject> nodes, CancellationToken cancel)
    {
        var scores = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var score in await PostAsync(_settings.PrioritizeVerb, NodesOf(pod, nodes), cancel) as JsonArray ?? throw Unreadable(_settings.PrioritizeVerb))
            scores[(string?)score?["Host"] ?? ""] = ((long?)score?["Score"] ?? 0) * _settings.Weight * ScaleToPlugins;
        return scores;
    }

    /// <param name="podOf">The Pod as it is now, by its victim.</param>
    /// <returns>By node: uids of the Pods that have to go, and how many budgets that breaks. Nodes that it does not name are none.</returns>
    /// <exception cref="SchedulingException">It did not answer.</exception>
    public async Task<JsonObject> PreemptAsync(KubeObject pod, IReadOnlyList<Victims> candidates, Func<PodInfo, KubeObject?> podOf, CancellationToken cancel)
    {
        var body = Write(json =>
        {
            json.WritePropertyName("Pod");
            json.WriteRawValue(pod.Json.Span, skipInputValidation: true);
            WriteCandidates(json, candidates, _settings.IsNodeCacheCapable ? null : podOf);
        });
        var answer = await PostAsync(_settings.PreemptVerb, body, cancel) as JsonObject ?? throw Unreadable(_settings.PreemptVerb);
        return answer["NodeNameToMetaVictims"] as JsonObject ?? [];
    }

    /// <exception cref="SchedulingException">It did not answer, or could not bind.</exception>
    public async Task BindAsync(PodInfo pod, string node, CancellationToken cancel)
    {
        var body = Write(json =>
        {
            json.WriteString("PodName", pod.Name.Name);
            json.WriteString("PodNamespace", pod.Name.Namespace);
            json.WriteString("PodUID", pod.Uid);
            json.WriteString("Node", node);
        });
        if ((string?)(await PostAsync(_settings.BindVerb, body, cancel) as JsonObject)?["Error"] is { Length: > 0 } error) throw new SchedulingException(error);
    }

    public void Dispose() => _http.Dispose();

    private bool Asks(IList<V1Container>? containers)
    {
        foreach (var container in containers ?? [])
            if (container.Resources?.Requests?.Keys.Any(_settings.ManagedResources.Contains) == true || container.Resources?.Limits?.Keys.Any(_settings.ManagedResources.Contains) == true) return true;
        return false;
    }

    private byte[] NodesOf(KubeObject pod, IReadOnlyList<KubeObject> nodes) => Write(json =>
    {
        json.WritePropertyName("Pod");
        json.WriteRawValue(pod.Json.Span, skipInputValidation: true);
        json.WritePropertyName("Nodes");
        if (_settings.IsNodeCacheCapable)
        {
            json.WriteNullValue();
        }
        else
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteEndObject();
            json.WriteStartArray("items");
            foreach (var node in nodes) json.WriteRawValue(node.Json.Span, skipInputValidation: true);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WritePropertyName("NodeNames");
        if (_settings.IsNodeCacheCapable)
        {
            json.WriteStartArray();
            foreach (var node in nodes) json.WriteStringValue(node.Name.Name);
            json.WriteEndArray();
        }
        else
        {
            json.WriteNullValue();
        }
    });

    /// <param name="podOf">Null: it knows the Pods by their uids.</param>
    private static void WriteCandidates(Utf8JsonWriter json, IReadOnlyList<Victims> candidates, Func<PodInfo, KubeObject?>? podOf)
    {
        json.WriteNull(podOf is null ? "NodeNameToVictims" : "NodeNameToMetaVictims");
        json.WriteStartObject(podOf is null ? "NodeNameToMetaVictims" : "NodeNameToVictims");
        foreach (var candidate in candidates)
        {
            json.WriteStartObject(candidate.Node);
            json.WriteStartArray("Pods");
            foreach (var victim in candidate.Pods)
            {
                if (podOf is not null)
                {
                    if (podOf(victim) is { } whole) json.WriteRawValue(whole.Json.Span, skipInputValidation: true);
                    continue;
                }
                json.WriteStartObject();
                json.WriteString("UID", victim.Uid);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteNumber("NumPDBViolations", candidate.ViolationCount);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    private async Task<JsonNode?> PostAsync(string verb, byte[] body, CancellationToken cancel)
    {
        var url = $"{Url.TrimEnd('/')}/{verb}";
        using var timeout = new CancellationTokenSource(_settings.Timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, timeout.Token);
        try
        {
            using var content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            using var response = await _http.PostAsync(new Uri($"{_address}{verb}"), content, either.Token);
            if ((int)response.StatusCode != 200) throw new SchedulingException($"failed {verb} with extender at URL {url}, code {(int)response.StatusCode}");
            return JsonNode.Parse(await response.Content.ReadAsByteArrayAsync(either.Token), AnyCase);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new SchedulingException($"Post \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
        }
        catch (HttpRequestException e)
        {
            throw new SchedulingException($"Post \"{url}\": {e.InnerException?.Message ?? e.Message}");
        }
        catch (JsonException)
        {
            throw Unreadable(verb);
        }
    }

    private SchedulingException Unreadable(string verb) => new($"extender at URL {Url.TrimEnd('/')}/{verb}: its answer is not what {verb} answers");
}
