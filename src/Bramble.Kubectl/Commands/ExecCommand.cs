using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Kubectl.Connection;

namespace Bramble.Kubectl.Commands;

/// <summary><c>kubectl exec</c> over a WebSocket (v5.channel.k8s.io: the first byte of each message is the stream; closing standard input is a message too).</summary>
internal sealed class ExecCommand(KubectlContext context)
{
    public static readonly Flag[] Flags = [Flag.Switch("stdin", 'i'), Flag.Switch("tty", 't'), new("container", 'c'), Flag.Switch("quiet", 'q'), new("filename", 'f'), new("pod-running-timeout")];

    private const byte Stdin = 0, Stdout = 1, Stderr = 2, ErrorStream = 3, Resize = 4, Close = 255;

    private readonly Arguments _arguments = context.Arguments;

    public async Task<int> RunAsync(CancellationToken cancel)
    {
        var command = _arguments.AfterDashes ?? [];
        if (_arguments.AfterDashes is null && _arguments.Words.Count > 1)
            throw new CommandFailure("error: exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'kubectl exec -h' for help and examples");
        if (_arguments.Words.Count == 0) throw new CommandFailure("error: pod, type/name or --filename must be specified");
        if (command.Count == 0) throw new CommandFailure("error: you must specify at least one command for the container");
        var mapper = await context.MapperAsync(cancel);
        var pod = (await Pods.OfAsync(context, mapper, _arguments.Words, null, "exec", cancel))[0];
        var name = (string?)pod["metadata"]?["name"] ?? "";
        if ((string?)pod["status"]?["phase"] is "Succeeded" or "Failed")
            throw new CommandFailure($"error: cannot exec into a container in a completed pod; current phase is {(string?)pod["status"]?["phase"]}");
        var containers = Pods.Containers(pod);
        var container = _arguments.Find("container") ?? (string?)pod["metadata"]?["annotations"]?["kubectl.kubernetes.io/default-container"] ?? containers[0];
        if (_arguments.Find("container") is null && containers.Count > 1 && !_arguments.IsSet("quiet"))
            await context.Error.WriteLineAsync($"Defaulted container \"{container}\" out of: {string.Join(", ", Pods.Described(pod))}");
        var isTty = _arguments.IsSet("tty");
        if (isTty && Console.IsInputRedirected)
        {
            await context.Error.WriteLineAsync("Unable to use a TTY - input is not a terminal or the right kind of file");
            isTty = false;
        }
        var query = new StringBuilder($"?container={Uri.EscapeDataString(container)}&stdout=true");
        foreach (var word in command) query.Append("&command=").Append(Uri.EscapeDataString(word));
        if (_arguments.IsSet("stdin")) query.Append("&stdin=true");
        query.Append(isTty ? "&tty=true" : "&stderr=true");
        using var socket = await context.Api.OpenWebSocketAsync(mapper.Get("pods").Path(context.Namespace, name, "exec") + query, cancel);
        using var raw = isTty ? RawTerminal.Enter() : null;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        if (isTty) await SendAsync(socket, Resize, Encoding.UTF8.GetBytes($"{{\"Width\":{Console.WindowWidth},\"Height\":{Console.WindowHeight}}}"), cancel);
        var input = _arguments.IsSet("stdin") ? SendInputAsync(socket, ended.Token) : Task.CompletedTask;
        var code = await ReceiveAsync(socket, cancel);
        await ended.CancelAsync();
        // A read of a terminal cannot be taken back; it ends with the process.
        if (input.IsCompleted) await input;
        return code;
    }

    private async Task<int> ReceiveAsync(ClientWebSocket socket, CancellationToken cancel)
    {
        await using var output = Console.OpenStandardOutput();
        await using var error = Console.OpenStandardError();
        await context.Out.FlushAsync(cancel);
        var buffer = new byte[64 * 1024];
        var stream = -1;
        var status = new MemoryStream();
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), cancel);
            if (received.MessageType == WebSocketMessageType.Close) break;
            var data = buffer.AsMemory(0, received.Count);
            if (stream < 0 && data.Length > 0)
            {
                stream = data.Span[0];
                data = data[1..];
            }
            switch (stream)
            {
                case Stdout:
                    await output.WriteAsync(data, cancel);
                    await output.FlushAsync(cancel);
                    break;
                case Stderr:
                    await error.WriteAsync(data, cancel);
                    break;
                case ErrorStream:
                    status.Write(data.Span);
                    break;
            }
            if (received.EndOfMessage) stream = -1;
        }
        return await ExitCodeAsync(status.ToArray());
    }

    private async Task<int> ExitCodeAsync(byte[] status)
    {
        if (status.Length == 0) return 0;
        var tree = JsonNode.Parse(status);
        if ((string?)tree?["status"] == "Success") return 0;
        var code = (tree?["details"]?["causes"] as JsonArray)?.FirstOrDefault(c => (string?)c?["reason"] == "ExitCode")?["message"]?.ToString();
        var message = (string?)tree?["message"] ?? "";
        if (code is not null && int.TryParse(code, out var exit))
        {
            await context.Error.WriteLineAsync($"command terminated with exit code {exit}");
            return exit;
        }
        throw new CommandFailure($"error: {message}");
    }

    private static async Task SendInputAsync(ClientWebSocket socket, CancellationToken cancel)
    {
        await using var input = Console.OpenStandardInput();
        var buffer = new byte[32 * 1024];
        int read;
        while ((read = await input.ReadAsync(buffer, cancel)) > 0) await SendAsync(socket, Stdin, buffer.AsMemory(0, read), cancel);
        await SendAsync(socket, Close, new byte[] { Stdin }, cancel);
    }

    private static async Task SendAsync(ClientWebSocket socket, byte stream, ReadOnlyMemory<byte> data, CancellationToken cancel)
    {
        if (socket.State != WebSocketState.Open) return;
        var message = new byte[data.Length + 1];
        message[0] = stream;
        data.CopyTo(message.AsMemory(1));
        await socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, cancel);
    }
}
