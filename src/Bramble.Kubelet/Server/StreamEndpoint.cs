using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>exec, attach and portForward: <c>NS/POD[/UID]</c>, then for the first two the container.</summary>
internal sealed class StreamEndpoint(PodStreams streams, string kind) : IKubeletEndpoint
{
    public async Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel)
    {
        try
        {
            var partsMin = kind == "portForward" ? 2 : 3;
            if (rest.Length < partsMin || rest.Length > partsMin + 1) throw new HttpAnswerException(404, "404 page not found");
            var (ns, pod, container) = (rest[0], rest[1], rest[^1]);
            await (kind switch
            {
                "portForward" => streams.PortForwardAsync(http, ns, pod, cancel),
                "exec" => streams.ExecAsync(http, ns, pod, container, cancel),
                _ => streams.AttachAsync(http, ns, pod, container, cancel),
            });
        }
        catch (RuntimeStreamException e)
        {
            throw new HttpAnswerException((int)e.Code, e.Message);
        }
    }
}
