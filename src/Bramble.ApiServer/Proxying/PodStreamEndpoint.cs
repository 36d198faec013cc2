using System.Text;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Proxying;

/// <summary>pods/exec, pods/attach and pods/portforward: the client's upgrade goes through to the pod's kubelet.</summary>
internal sealed class PodStreamEndpoint(string subresource, IResourceReader reader, KubeletClientOptions options) : IStreamingEndpoint
{
    private readonly Kubelets _kubelets = new(reader);

    public GroupResource Resource => PodTarget.Pods;

    public string Subresource => subresource;

    public async Task HandleAsync(ApiRequest request, HttpContext http, CancellationToken cancel)
    {
        var name = new NamespacedName(request.Info.Namespace, request.Info.Name);
        var query = http.Request.Query;
        string node;
        string path;
        if (subresource == "portforward")
        {
            node = (string?)PodTarget.Get(reader, name)["spec"]?["nodeName"] ?? "";
            path = $"/portForward/{name.Namespace}/{name.Name}";
        }
        else
        {
            var target = PodTarget.Find(reader, name, query["container"].ToString());
            node = target.Node;
            path = $"/{subresource}/{name.Namespace}/{name.Name}/{target.Container}{Parameters(query)}";
        }
        if (node.Length == 0) throw StatusErrors.BadRequest($"pod {name.Name} does not have a host assigned");
        var (host, port) = _kubelets.Find(node, PodTarget.Pods);
        await UpgradeTunnel.RunAsync(http, host, port, path, options.Tls(host), options.Dial, [], cancel);
    }

    /// <summary>The kubelet's names of the API's parameters.</summary>
    private static string Parameters(IQueryCollection query)
    {
        var text = new StringBuilder("?");
        foreach (var (api, kubelet) in (ReadOnlySpan<(string, string)>)[("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty")])
            if (query[api].ToString() is "true" or "1" or "True" or "t" or "T" or "TRUE") text.Append(kubelet).Append("=1&");
        foreach (var command in query["command"]) text.Append("command=").Append(Uri.EscapeDataString(command ?? "")).Append('&');
        return text.ToString(0, text.Length - 1);
    }
}
