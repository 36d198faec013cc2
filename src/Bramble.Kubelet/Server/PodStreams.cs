using System.Net;
using System.Net.WebSockets;
using Bramble.Client.Streaming;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bramble.Kubelet.Server;

/// <summary>exec, attach and port-forward of the kubelet's server. SPDY clients are tunnelled to the runtime byte by byte, as are port-forwards inside a
/// WebSocket; remote commands over a WebSocket are translated.</summary>
internal sealed class PodStreams(IRuntimeService runtime)
{
    private const string PortForwardTunnel = "SPDY/3.1+portforward.k8s.io";

    public async Task ExecAsync(HttpContext http, string ns, string pod, string containerName, CancellationToken cancel)
    {
        var container = await FindContainerAsync(ns, pod, containerName, cancel);
        var streams = Streams(http);
        var request = new ExecRequest { ContainerId = container.Id, Tty = streams.Tty, Stdin = streams.Stdin, Stdout = streams.Stdout, Stderr = streams.Stderr && !streams.Tty };
        request.Cmd.AddRange(http.Request.Query["command"].Where(c => c is not null));
        await StreamAsync(http, await runtime.ExecUrlAsync(request, cancel), streams, cancel);
    }

    public async Task AttachAsync(HttpContext http, string ns, string pod, string containerName, CancellationToken cancel)
    {
        var container = await FindContainerAsync(ns, pod, containerName, cancel);
        var streams = Streams(http);
        // Whether there is a terminal is the container's own business.
        var request = new AttachRequest { ContainerId = container.Id, Tty = streams.Tty, Stdin = streams.Stdin, Stdout = streams.Stdout, Stderr = streams.Stderr && !streams.Tty };
        await StreamAsync(http, await runtime.AttachUrlAsync(request, cancel), streams, cancel);
    }

    public async Task PortForwardAsync(HttpContext http, string ns, string pod, CancellationToken cancel)
    {
        var filter = new PodSandboxFilter { State = new PodSandboxStateValue { State = PodSandboxState.SandboxReady } };
        filter.LabelSelector[RuntimeLabels.PodNamespace] = ns;
        filter.LabelSelector[RuntimeLabels.PodName] = pod;
        var sandboxes = await runtime.ListPodSandboxesAsync(filter, cancel);
        if (sandboxes.Count == 0)
        {
            throw new HttpAnswerException((int)HttpStatusCode.NotFound, "pod does not exist");
        }
        var url = await runtime.PortForwardUrlAsync(new PortForwardRequest { PodSandboxId = sandboxes.MaxBy(s => s.CreatedAt)!.Id }, cancel);
        if (http.WebSockets.IsWebSocketRequest)
        {
            if (!http.WebSockets.WebSocketRequestedProtocols.Contains(PortForwardTunnel))
            {
                throw new HttpAnswerException((int)HttpStatusCode.BadRequest, $"port-forward over a WebSocket is spoken as {PortForwardTunnel}");
            }
            var (connection, _) = await RuntimeStreams.OpenAsync(url, ["portforward.k8s.io"], cancel);
            await using var _1 = connection;
            using var socket = await TunnelSocket.AcceptAsync(http, PortForwardTunnel);
            await ByteTunnel.RunAsync(
                (buffer, c) => ReadSocketAsync(socket, buffer, c),
                (bytes, c) => socket.SendAsync(bytes, WebSocketMessageType.Binary, endOfMessage: true, c),
                connection.ReadAsync, connection.WriteAsync, cancel);
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
            return;
        }
        await TunnelAsync(http, url, cancel);
    }

    private async Task<Container> FindContainerAsync(string ns, string pod, string name, CancellationToken cancel)
    {
        var filter = new ContainerFilter { State = new ContainerStateValue { State = ContainerState.ContainerRunning } };
        filter.LabelSelector[RuntimeLabels.PodNamespace] = ns;
        filter.LabelSelector[RuntimeLabels.PodName] = pod;
        filter.LabelSelector[RuntimeLabels.ContainerName] = name;
        var containers = await runtime.ListContainersAsync(filter, cancel);
        return containers.MaxBy(c => c.CreatedAt) ?? throw new HttpAnswerException((int)HttpStatusCode.NotFound, $"container not found (\"{name}\")");
    }

    private static async Task StreamAsync(HttpContext http, string url, CommandStreams streams, CancellationToken cancel)
    {
        if (streams is { Stdin: false, Stdout: false, Stderr: false })
        {
            throw new HttpAnswerException((int)HttpStatusCode.BadRequest, "you must specify at least 1 of stdin, stdout, stderr");
        }
        if (!http.WebSockets.IsWebSocketRequest)
        {
            await TunnelAsync(http, url, cancel);
            return;
        }
        if (ChannelSocket.Choose([.. http.WebSockets.WebSocketRequestedProtocols]) is not { } subprotocol)
        {
            throw new HttpAnswerException((int)HttpStatusCode.BadRequest, $"none of the offered protocols is known; known are {string.Join(", ", ChannelSocket.Subprotocols.Where(p => p.Length > 0))}");
        }
        var (connection, _) = await RuntimeStreams.OpenAsync(url, ["v4.channel.k8s.io"], cancel);
        using var socket = await http.WebSockets.AcceptWebSocketAsync(subprotocol.Length == 0 ? null : subprotocol);
        using var client = new ChannelSocket(socket, subprotocol);
        await RemoteCommand.RunAsync(client, connection, streams, cancel);
    }

    /// <summary>A client that speaks SPDY talks to the runtime itself; we only carry the bytes.</summary>
    private static async Task TunnelAsync(HttpContext http, string url, CancellationToken cancel)
    {
        if (http.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true } upgrade)
        {
            throw new HttpAnswerException((int)HttpStatusCode.BadRequest, "unable to upgrade: missing upgrade headers in request");
        }
        string[] offered = [.. http.Request.Headers["X-Stream-Protocol-Version"].SelectMany(v => v?.Split(',', StringSplitOptions.TrimEntries) ?? [])];
        var (connection, protocol) = await RuntimeStreams.OpenAsync(url, offered, cancel);
        await using var _ = connection;
        http.Response.Headers.Upgrade = "SPDY/3.1";
        if (protocol.Length > 0) http.Response.Headers["X-Stream-Protocol-Version"] = protocol;
        await using var stream = await upgrade.UpgradeAsync();
        await ByteTunnel.RunAsync(
            stream.ReadAsync,
            async (bytes, c) =>
            {
                await stream.WriteAsync(bytes, c);
                await stream.FlushAsync(c);
            },
            connection.ReadAsync, connection.WriteAsync, cancel);
    }

    private static async ValueTask<int> ReadSocketAsync(WebSocket socket, Memory<byte> buffer, CancellationToken cancel)
    {
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, cancel);
            if (part.MessageType == WebSocketMessageType.Close) return 0;
            // An empty message is not the end.
            if (part.Count > 0) return part.Count;
        }
    }

    private static CommandStreams Streams(HttpContext http)
    {
        bool Has(string name) => http.Request.Query[name].ToString() is "1" or "true";
        return new(Has("input"), Has("output"), Has("error"), Has("tty"));
    }
}
