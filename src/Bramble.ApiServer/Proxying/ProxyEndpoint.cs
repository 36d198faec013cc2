using System.Net;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bramble.ApiServer.Proxying;

/// <summary>nodes/proxy, pods/proxy and services/proxy: HTTP to what the name leads to.</summary>
internal sealed class ProxyEndpoint(string resource, IResourceReader reader, BackendClient backend, KubeletClientOptions options) : IStreamingEndpoint
{
    private readonly Kubelets _kubelets = new(reader);

    public GroupResource Resource { get; } = new("", resource);

    public string Subresource => "proxy";

    private sealed record Target(string Scheme, string Host, int Port, bool IsKubelet);

    public async Task HandleAsync(ApiRequest request, HttpContext http, CancellationToken cancel)
    {
        var target = resource switch
        {
            "nodes" => Node(request.Info.Name),
            "pods" => Pod(new(request.Info.Namespace, request.Info.Name)),
            _ => Service(new(request.Info.Namespace, request.Info.Name)),
        };
        var (path, query) = PathOf(http, request.Info.Name);
        if (path.Length == 0)
        {
            // Links on a page are relative to its folder.
            http.Response.StatusCode = StatusCodes.Status301MovedPermanently;
            http.Response.Headers.Location = (http.Request.PathBase + http.Request.Path).Value + "/" + query;
            return;
        }
        if (UpgradeTunnel.IsUpgrade(http))
        {
            await UpgradeTunnel.RunAsync(http, target.Host, target.Port, path + query, target.IsKubelet ? options.Tls(target.Host) : null, target.IsKubelet ? options.Dial : options.DialPod, [], cancel);
            return;
        }
        var uri = new Uri($"{target.Scheme}://{Kubelets.UrlHost(target.Host)}:{target.Port}{path}{query}");
        using var message = ForwardedRequest.Make(http, uri);
        message.Headers.TryAddWithoutValidation("X-Forwarded-Uri", http.Request.Path.Value);
        message.Headers.TryAddWithoutValidation("X-Forwarded-Host", http.Request.Host.Value);
        message.Headers.TryAddWithoutValidation("X-Forwarded-Proto", http.Request.Scheme);
        using var answer = target.IsKubelet ? await backend.SendAsync(message, cancel) : await backend.SendToPodAsync(message, cancel);
        await ForwardedRequest.CopyAsync(answer, http, cancel);
    }

    /// <summary>What follows <c>/proxy</c>, as it was written, and the query. An empty path: there was not even a slash.</summary>
    private (string Path, string Query) PathOf(HttpContext http, string name)
    {
        var raw = http.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var mark = raw.IndexOf('?');
        var (path, query) = mark < 0 ? (raw, "") : (raw[..mark], raw[mark..]);
        var at = path.IndexOf($"/{resource}/", StringComparison.Ordinal);
        at = path.IndexOf("/proxy", at + resource.Length + 2, StringComparison.Ordinal);
        return at < 0 ? throw StatusErrors.BadRequest($"no proxy path for {name}") : (path[(at + "/proxy".Length)..], query);
    }

    private Target Node(string name)
    {
        var (_, node, port) = Split(name, "node");
        var (host, kubeletPort) = _kubelets.Find(node, Resource);
        if (port.Length == 0 || port == $"{kubeletPort}") return new("https", host, kubeletPort, IsKubelet: true);
        return int.TryParse(port, out var number) ? new("http", host, number, IsKubelet: false) : throw StatusErrors.BadRequest($"invalid node request {FieldError.Quote(name)}");
    }

    private Target Pod(NamespacedName name)
    {
        var (scheme, podName, portText) = Split(name.Name, "pod");
        var pod = PodTarget.Get(reader, name with { Name = podName });
        var port = int.TryParse(portText, out var number) ? number : (pod["spec"]?["containers"] as JsonArray ?? [])
            .SelectMany(c => c?["ports"] as JsonArray ?? []).Select(p => (int?)p?["containerPort"]).FirstOrDefault(p => p is not null) ?? 80;
        return new(scheme.Length == 0 ? "http" : scheme, Allowed((string?)pod["status"]?["podIP"] ?? ""), port, IsKubelet: false);
    }

    private Target Service(NamespacedName name)
    {
        var (scheme, serviceName, portText) = Split(name.Name, "service");
        var key = name with { Name = serviceName };
        var portName = portText;
        if (int.TryParse(portText, out var number))
        {
            // A number is the service's own port: its endpoints carry the port's name.
            if (reader.Find(Resource, key)?.ToTree() is not { } service) throw StatusErrors.NotFound(Resource, serviceName);
            var port = (service["spec"]?["ports"] as JsonArray ?? []).OfType<JsonObject>().FirstOrDefault(p => (int?)p["port"] == number)
                ?? throw StatusErrors.ServiceUnavailable($"no service port {number} found for service {FieldError.Quote(serviceName)}");
            portName = (string?)port["name"] ?? "";
        }
        // Upstream's router names the service also where it means its endpoints.
        if (reader.Find(new("", "endpoints"), key)?.ToTree() is not { } endpoints) throw StatusErrors.NotFound(Resource, serviceName);
        var subsets = (endpoints["subsets"] as JsonArray ?? []).OfType<JsonObject>().ToList();
        if (subsets.Count == 0) throw StatusErrors.ServiceUnavailable($"no endpoints available for service {FieldError.Quote(serviceName)}");
        var places = subsets
            .SelectMany(s => (s["ports"] as JsonArray ?? []).OfType<JsonObject>().Where(p => portName.Length == 0 || ((string?)p["name"] ?? "") == portName).Take(1)
                .SelectMany(p => (s["addresses"] as JsonArray ?? []).OfType<JsonObject>().Select(a => (Host: (string)a["ip"]!, Port: (int)p["port"]!))))
            .ToList();
        if (places.Count == 0) throw StatusErrors.ServiceUnavailable($"no endpoints available for service {FieldError.Quote(name.Name)}");
        var (host, endpointPort) = places[Random.Shared.Next(places.Count)];
        return new(scheme.Length == 0 ? "http" : scheme, Allowed(host), endpointPort, IsKubelet: false);
    }

    /// <summary>The proxy does not lead to this machine's own addresses.</summary>
    private static string Allowed(string host) =>
        IPAddress.TryParse(host, out var ip) && !IPAddress.IsLoopback(ip) && !ip.IsIPv6LinkLocal && !ip.IsIPv6Multicast && !ip.Equals(IPAddress.Any)
            && !(ip.GetAddressBytes() is [169, 254, _, _] or [>= 224 and <= 239, _, _, _])
            ? host
            : throw StatusErrors.BadRequest("address not allowed");

    /// <summary>Reads <c>name</c>, <c>name:port</c>, <c>scheme:name:</c> or <c>scheme:name:port</c>.</summary>
    private static (string Scheme, string Name, string Port) Split(string text, string what) => text.Split(':') switch
    {
        [var name] when name.Length > 0 => ("", name, ""),
        [var name, var port] when name.Length > 0 => ("", name, port),
        [var scheme and ("" or "http" or "https"), var name, var port] when name.Length > 0 => (scheme, name, port),
        _ => throw StatusErrors.BadRequest($"invalid {what} request {FieldError.Quote(text)}"),
    };
}
