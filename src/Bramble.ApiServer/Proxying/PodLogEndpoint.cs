using System.Net;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Proxying;

/// <summary>pods/log: the kubelet's text, as it comes.</summary>
internal sealed class PodLogEndpoint(IResourceReader reader, BackendClient backend) : IStreamingEndpoint
{
    private const int ErrorCharsMax = 2048;

    private readonly Kubelets _kubelets = new(reader);

    public GroupResource Resource => PodTarget.Pods;

    public string Subresource => "log";
    public bool IsConnect => false;

    public async Task HandleAsync(ApiRequest request, HttpContext http, CancellationToken cancel)
    {
        var name = new NamespacedName(request.Info.Namespace, request.Info.Name);
        var query = PodLogOptions.Check(http.Request.Query, name.Name);
        var target = PodTarget.Find(reader, name, http.Request.Query["container"].ToString());
        if (target.Node.Length == 0)
        {
            // Nothing has run: there is no log, and that is no error.
            http.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }
        var (host, port) = _kubelets.Find(target.Node, PodTarget.Pods);
        var uri = new Uri($"https://{Kubelets.UrlHost(host)}:{port}/containerLogs/{name.Namespace}/{name.Name}/{target.Container}{query}");
        using var answer = await backend.SendAsync(new HttpRequestMessage(HttpMethod.Get, uri), cancel);
        if (answer.StatusCode != HttpStatusCode.OK) throw await RefusalAsync(answer, name, cancel);
        http.Response.ContentType = "text/plain";
        await using var body = await answer.Content.ReadAsStreamAsync(cancel);
        var buffer = new byte[32 * 1024];
        // What is followed must be seen at once.
        await http.Response.Body.FlushAsync(cancel);
        while (await body.ReadAsync(buffer, cancel) is > 0 and var count)
        {
            await http.Response.Body.WriteAsync(buffer.AsMemory(0, count), cancel);
            await http.Response.Body.FlushAsync(cancel);
        }
    }

    private static async Task<StatusException> RefusalAsync(HttpResponseMessage answer, NamespacedName name, CancellationToken cancel)
    {
        var text = (await answer.Content.ReadAsStringAsync(cancel)).Trim();
        if (text.Length > ErrorCharsMax) text = text[..ErrorCharsMax];
        if (answer.StatusCode == HttpStatusCode.BadRequest) return StatusErrors.BadRequest(text);
        return new StatusException(new Status(
            (int)answer.StatusCode,
            answer.StatusCode == HttpStatusCode.NotFound ? "NotFound" : "InternalError",
            $"an error on the server ({FieldError.Quote(text)}) has prevented the request from succeeding (get pods {name.Name})",
            new StatusDetails(name.Name, null, "pods", [new StatusCause("UnexpectedServerResponse", text)])));
    }
}
