using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Kubectl.Resources;

namespace Bramble.Kubectl.Commands;

/// <summary><c>kubectl logs</c>: one container, all of them, or a pod of a workload.</summary>
internal sealed class LogsCommand(KubectlContext context)
{
    public static readonly Flag[] Flags =
    [
        Flag.Switch("follow", 'f'), new("tail"), new("since"), new("since-time"), Flag.Switch("previous", 'p'), new("container", 'c'), Flag.Switch("all-containers"), Flag.Switch("timestamps"),
        new("limit-bytes"), Flag.Switch("prefix"), new("selector", 'l'), Flag.Switch("ignore-errors"), new("max-log-requests"), new("pod-running-timeout"), Flag.Switch("all-pods"),
    ];

    private readonly Arguments _arguments = context.Arguments;
    private readonly SemaphoreSlim _line = new(1, 1);

    public async Task<int> RunAsync(CancellationToken cancel)
    {
        var mapper = await context.MapperAsync(cancel);
        var pods = await Pods.OfAsync(context, mapper, _arguments.Words, _arguments.Find("selector"), "logs", cancel);
        var streams = new List<(string Pod, string Container)>();
        foreach (var pod in pods)
        {
            var name = (string?)pod["metadata"]?["name"] ?? "";
            var containers = Pods.Containers(pod);
            if (_arguments.IsSet("all-containers"))
            {
                streams.AddRange(Pods.AllContainers(pod).Select(c => (name, c)));
                continue;
            }
            var container = _arguments.Find("container") ?? (_arguments.Words.Count > 1 && _arguments.Find("selector") is null ? _arguments.Words[1] : null);
            if (container is null)
            {
                container = (string?)pod["metadata"]?["annotations"]?["kubectl.kubernetes.io/default-container"] ?? containers.FirstOrDefault() ?? "";
                if (containers.Count > 1)
                    await context.Error.WriteLineAsync($"Defaulted container \"{container}\" out of: {string.Join(", ", Pods.Described(pod))}");
            }
            else if (!Pods.AllContainers(pod).Contains(container))
            {
                throw new CommandFailure($"error: container {container} is not valid for pod {name}");
            }
            streams.Add((name, container));
        }
        var path = mapper.Get("pods");
        if (_arguments.IsSet("follow") && streams.Count > 1)
        {
            await Task.WhenAll(streams.Select(s => CopyAsync(path.Path(context.Namespace, s.Pod, "log"), s.Pod, s.Container, cancel)));
            return 0;
        }
        foreach (var (pod, container) in streams) await CopyAsync(path.Path(context.Namespace, pod, "log"), pod, container, cancel);
        return 0;
    }

    private async Task CopyAsync(string path, string pod, string container, CancellationToken cancel)
    {
        var query = new StringBuilder($"?container={Uri.EscapeDataString(container)}");
        if (_arguments.IsSet("follow")) query.Append("&follow=true");
        if (_arguments.IsSet("previous")) query.Append("&previous=true");
        if (_arguments.IsSet("timestamps")) query.Append("&timestamps=true");
        var tail = _arguments.Number("tail") ?? (_arguments.Find("selector") is null ? -1 : 10);
        if (tail >= 0) query.Append($"&tailLines={tail}");
        if (_arguments.Find("since") is { } since) query.Append($"&sinceSeconds={(long)Math.Ceiling(Durations.Parse(since).TotalSeconds)}");
        if (_arguments.Find("since-time") is { } sinceTime) query.Append($"&sinceTime={Uri.EscapeDataString(sinceTime)}");
        if (_arguments.Number("limit-bytes") is { } limit) query.Append($"&limitBytes={limit}");
        using var answer = await context.Api.OpenAsync(HttpMethod.Get, path + query, null, "", "*/*", HttpCompletionOption.ResponseHeadersRead, cancel);
        await using var body = await answer.Content.ReadAsStreamAsync(cancel);
        using var reader = new StreamReader(body, new UTF8Encoding(false));
        if (!_arguments.IsSet("prefix") && !_arguments.IsSet("follow"))
        {
            await CopyTextAsync(reader, cancel);
            return;
        }
        while (await reader.ReadLineAsync(cancel) is { } line)
        {
            // Lines of several containers must not mix.
            await _line.WaitAsync(cancel);
            try
            {
                await context.Out.WriteLineAsync(_arguments.IsSet("prefix") ? $"[pod/{pod}/{container}] {line}" : line);
                await context.Out.FlushAsync(cancel);
            }
            finally
            {
                _line.Release();
            }
        }
    }

    private async Task CopyTextAsync(StreamReader reader, CancellationToken cancel)
    {
        var buffer = new char[16 * 1024];
        int read;
        while ((read = await reader.ReadAsync(buffer, cancel)) > 0) await context.Out.WriteAsync(buffer.AsMemory(0, read), cancel);
    }
}

/// <summary>Pods behind what was named: a pod, or a workload's pods.</summary>
internal static class Pods
{
    public static async Task<IReadOnlyList<JsonObject>> OfAsync(
        KubectlContext context, RestMapper mapper, IReadOnlyList<string> words, string? selector, string command, CancellationToken cancel)
    {
        var pods = mapper.Get("pods");
        if (selector is not null) return await ListAsync(context, pods, selector, cancel);
        if (words.Count == 0)
            throw new CommandFailure($"error: expected '{command} [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the {command} command\nSee 'kubectl {command} -h' for help and examples");
        var parts = words[0].Split('/');
        if (parts.Length == 1)
        {
            try
            {
                return [await context.Api.GetAsync(pods.Path(context.Namespace, words[0]), cancel)];
            }
            catch (StatusException missing) when (missing.IsNotFound && command == "logs")
            {
                throw new CommandFailure($"error: error from server (NotFound): pods \"{words[0]}\" not found in namespace \"{context.Namespace}\"");
            }
        }
        var resource = mapper.Get(parts[0]);
        var owner = await context.Api.GetAsync(resource.Path(context.NamespaceOf(resource), parts[1]), cancel);
        if (resource.Plural == "pods") return [owner];
        var labels = (owner["spec"]?["selector"]?["matchLabels"] ?? owner["spec"]?["selector"]) as JsonObject
            ?? throw new CommandFailure($"error: cannot get the logs from {resource.QualifiedPlural}/{parts[1]}: it selects no pods");
        var found = await ListAsync(context, pods, string.Join(',', labels.Select(l => $"{l.Key}={l.Value}")), cancel);
        if (found.Count == 0) throw new CommandFailure($"error: timed out waiting for the condition");
        if (found.Count > 1) await context.Error.WriteLineAsync($"Found {found.Count} pods, using pod/{(string?)found[0]["metadata"]?["name"]}");
        return [found[0]];
    }

    public static IReadOnlyList<string> Containers(JsonObject pod) => Names(pod, "containers");

    public static IReadOnlyList<string> AllContainers(JsonObject pod) => [.. Names(pod, "initContainers"), .. Names(pod, "containers"), .. Names(pod, "ephemeralContainers")];

    public static IEnumerable<string> Described(JsonObject pod) =>
        Names(pod, "containers").Concat(Names(pod, "ephemeralContainers").Select(n => $"{n} (ephem)")).Concat(Names(pod, "initContainers").Select(n => $"{n} (init)"));

    private static string[] Names(JsonObject pod, string list) => (pod["spec"]?[list] as JsonArray ?? []).Select(c => (string?)c?["name"] ?? "").ToArray();

    private static async Task<IReadOnlyList<JsonObject>> ListAsync(KubectlContext context, KnownResource pods, string selector, CancellationToken cancel)
    {
        var list = await context.Api.GetAsync($"{pods.Path(context.Namespace)}?labelSelector={Uri.EscapeDataString(selector)}", cancel);
        return (list["items"] as JsonArray ?? []).Select(i => (JsonObject)i!.DeepClone()).ToList();
    }
}
