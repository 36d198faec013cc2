using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>exec, attach and portForward: <c>NS/POD[/UID]</c>, then for the first two the container.</summary>
internal sealed class StreamEndpoint(PodStreams streams, string kind) : IKubeletEndpoint
{
    public async Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel)
    {
        try
        {
            await ((kind, rest) switch
            {
                ("portForward", [var ns, var pod] or [var ns, var pod, _]) => streams.PortForwardAsync(http, ns, pod, cancel),
                ("exec", [var ns, var pod, var container] or [var ns, var pod, _, var container]) => streams.ExecAsync(http, ns, pod, container, cancel),
                ("attach", [var ns, var pod, var container] or [var ns, var pod, _, var container]) => streams.AttachAsync(http, ns, pod, container, cancel),
                _ => throw new HttpAnswerException(404, "404 page not found"),
            });
        }
        catch (RuntimeStreamException e)
        {
            throw new HttpAnswerException((int)e.Code, e.Message);
        }
    }
}
