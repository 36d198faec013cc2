using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Supervisor.Pki;
using Bramble.Supervisor.Tunnel;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Joining;

/// <summary>Who asks: the user and groups that the API server's authenticators found.</summary>
public sealed record Caller(string User, IReadOnlyList<string> Groups)
{
    private const string NodePrefix = "system:node:";

    /// <summary>A node that has a certificate already, by name; else null.</summary>
    public string? Node => Groups.Contains("system:nodes") && User.StartsWith(NodePrefix, StringComparison.Ordinal) ? User[NodePrefix.Length..] : null;

    internal bool IsAgent => Groups.Contains("k3s:agent") || Groups.Contains("system:bootstrappers") || Node is not null;
    internal bool IsServer => Groups.Contains("k3s:server");
}

/// <summary>What a server answers below <c>/v1-k3s/</c>: the join protocol. Authenticated before, authorized here by K3s' groups.</summary>
public sealed class AgentEndpoints(
    ServerPki pki, ClusterSettings settings, NodePasswords passwords, KubeletTunnels tunnels, IKubeClient client, Func<IReadOnlyList<string>> servers,
    Action<string> setToken, ILogger logger)
{
    public const string Prefix = "/v1-k3s";
    private const int RequestBytesMax = 64 * 1024;

    /// <exception cref="StatusException">The refusal, as K3s words it.</exception>
    public async Task HandleAsync(HttpContext http, Caller caller, CancellationToken cancel)
    {
        var path = http.Request.Path.Value![(Prefix.Length + 1)..];
        if (path == "token")
        {
            if (!caller.IsServer) throw Forbidden(caller);
            if (!HttpMethods.IsPut(http.Request.Method)) throw NotAllowed();
            setToken((JsonNode.Parse(await BodyAsync(http, cancel)) as JsonObject)?["newToken"]?.GetValue<string>() ?? "");
            return;
        }
        if (!caller.IsAgent) throw Forbidden(caller);
        switch (path)
        {
            case "config":
                await AnswerAsync(http, settings.Write().ToJsonString(), "application/json", cancel);
                break;
            case "client-ca.crt":
                await AnswerAsync(http, pki.ClientCa.ChainPem, "text/plain", cancel);
                break;
            case "server-ca.crt":
                await AnswerAsync(http, pki.ServerCa.ChainPem, "text/plain", cancel);
                break;
            case "apiservers":
                await AnswerAsync(http, new JsonArray([.. servers().Select(s => (JsonNode)s)]).ToJsonString(), "application/json", cancel);
                break;
            case "readyz":
                await AnswerAsync(http, "ok", "text/plain", cancel);
                break;
            case "connect":
                await tunnels.ServeAsync(http, caller.Node ?? throw Forbidden(caller), cancel);
                break;
            case "serving-kubelet.crt":
            case "client-kubelet.crt":
                await KubeletCertificateAsync(http, caller, isServing: path[0] == 's', cancel);
                break;
            case "client-kube-proxy.crt":
                await SignAsync(http, pki.ClientCa, new LeafRequest("system:kube-proxy", [], CertificateUse.Client), cancel);
                break;
            case "client-k3s-controller.crt":
                await SignAsync(http, pki.ClientCa, new LeafRequest("system:k3s-controller", [], CertificateUse.Client), cancel);
                break;
            default:
                throw new StatusException(new Status(404, "NotFound", "the server could not find the requested resource"));
        }
    }

    private async Task KubeletCertificateAsync(HttpContext http, Caller caller, bool isServing, CancellationToken cancel)
    {
        var node = http.Request.Headers["k3s-Node-Name"].ToString();
        var password = http.Request.Headers["k3s-Node-Password"].ToString();
        if (node.Length == 0) throw StatusErrors.BadRequest("node name not set");
        if (password.Length == 0) throw StatusErrors.BadRequest("node password not set");
        if (caller.Node is { } own)
        {
            if (own != node) throw StatusErrors.BadRequest("header node name does not match auth node name");
            // Somebody deleted the Node: the certificate alone does not bring it back, the token does.
            if (await client.FindAsync(Resources.Nodes, new NamespacedName("", own), cancel) is null) throw StatusErrors.Unauthorized();
        }
        if (!await passwords.EnsureAsync(node, password, cancel))
        {
            JoinLog.WrongNodePassword(logger, node, Remote(http));
            throw new StatusException(new Status(403, "Forbidden",
                $"unable to verify password for node {node}: another machine has joined under this name. Give this one a name of its own (--node-name, or --with-node-id), or, if the other is gone, kubectl delete node {node} and the Secret kube-system/{node}.node-password.k3s"));
        }
        var leaf = isServing
            ? new LeafRequest(node, [], CertificateUse.Server, [node, "localhost"], [IPAddress.Loopback, IPAddress.IPv6Loopback, .. NodeIps(http)])
            : new LeafRequest($"system:node:{node}", ["system:nodes"], CertificateUse.Client);
        await SignAsync(http, isServing ? pki.ServerCa : pki.ClientCa, leaf, cancel);
        if (!isServing) JoinLog.Joined(logger, node, Remote(http));
    }

    private static IPAddress? Remote(HttpContext http) => http.Connection.RemoteIpAddress is { IsIPv4MappedToIPv6: true } mapped ? mapped.MapToIPv4() : http.Connection.RemoteIpAddress;

    private static List<IPAddress> NodeIps(HttpContext http)
    {
        var addresses = new List<IPAddress>();
        foreach (var text in http.Request.Headers["k3s-Node-IP"].ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            addresses.Add(IPAddress.TryParse(text, out var address) ? address : throw StatusErrors.BadRequest($"invalid node IP address '{text}'"));
        return addresses;
    }

    private static async Task SignAsync(HttpContext http, CertificateAuthority authority, LeafRequest leaf, CancellationToken cancel)
    {
        if (!HttpMethods.IsPost(http.Request.Method)) throw NotAllowed();
        string pem;
        try
        {
            pem = authority.SignRequest(await BodyAsync(http, cancel), leaf);
        }
        catch (CryptographicException wrong)
        {
            throw StatusErrors.BadRequest($"the certificate request cannot be read: {wrong.Message}");
        }
        await AnswerAsync(http, pem, "text/plain", cancel);
    }

    private static async Task<byte[]> BodyAsync(HttpContext http, CancellationToken cancel)
    {
        using var body = new MemoryStream();
        var buffer = new byte[8192];
        while (await http.Request.Body.ReadAsync(buffer, cancel) is > 0 and var count)
        {
            if (body.Length + count > RequestBytesMax) throw new StatusException(new Status(413, "RequestEntityTooLarge", $"the request is longer than {RequestBytesMax} bytes"));
            body.Write(buffer, 0, count);
        }
        return body.ToArray();
    }

    private static Task AnswerAsync(HttpContext http, string text, string type, CancellationToken cancel)
    {
        http.Response.ContentType = type;
        return http.Response.WriteAsync(text, Encoding.UTF8, cancel);
    }

    private static StatusException Forbidden(Caller caller) =>
        new(new Status(403, "Forbidden", $"forbidden: User \"{caller.User}\" may not use the join endpoints of this server"));

    private static StatusException NotAllowed() => new(new Status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"));
}
