using Bramble.Api.Errors;
using Bramble.Kubectl.Commands;
using Bramble.Kubectl.Connection;

namespace Bramble.Kubectl;

/// <summary>kubectl, built in: <c>k3s kubectl</c>, or the binary called by the name kubectl.</summary>
public static class KubectlCommand
{
    private static readonly string[] Known =
    [
        "get", "describe", "create", "apply", "delete", "logs", "exec", "scale", "rollout", "label", "annotate", "api-resources", "api-versions", "version", "cluster-info", "config",
    ];

    private static readonly string[] OfOrdinaryOnly =
    [
        "alpha", "attach", "auth", "autoscale", "certificate", "completion", "cordon", "cp", "debug", "diff", "drain", "edit", "events", "explain", "expose", "kustomize", "options", "patch", "plugin",
        "port-forward", "proxy", "replace", "run", "set", "taint", "top", "uncordon", "wait", "kuberc",
    ];

    /// <returns>The exit code: 1 for a failure, a remote command's own for <c>exec</c>.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        try
        {
            return await DispatchAsync(args, output, error, cancel);
        }
        catch (CommandFailure failed)
        {
            await error.WriteLineAsync(failed.Message);
            return failed.ExitCode;
        }
        catch (StatusException refused)
        {
            await error.WriteLineAsync(Message(refused));
            return 1;
        }
        catch (IOException failed)
        {
            await error.WriteLineAsync($"error: {failed.Message}");
            return 1;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return 130;
        }
        finally
        {
            await output.FlushAsync(CancellationToken.None);
        }
    }

    private static async Task<int> DispatchAsync(string[] args, TextWriter output, TextWriter error, CancellationToken cancel)
    {
        // Flags may stand before the command: kubectl -n kube-system get pods.
        var at = CommandIndex(args);
        if (at < 0 || args[at] == "help") return await HelpAsync(output);
        var name = args[at];
        string[] rest = [.. args[..at], .. args[(at + 1)..]];
        if (OfOrdinaryOnly.Contains(name)) throw Missing(name);
        if (!Known.Contains(name)) throw new CommandFailure($"error: unknown command \"{name}\" for \"kubectl\"{Suggestion(name)}");
        if (rest.TakeWhile(w => w != "--").Any(w => w is "-h" or "--help")) return await HelpAsync(output);
        var arguments = Arguments.Parse(name, rest, FlagsOf(name));
        if (name == "config") return await AboutCommands.ConfigAsync(arguments, output);
        using var context = new KubectlContext(arguments, KubeConfig.Load(arguments), output, error, TimeProvider.System);
        return name switch
        {
            "get" => await new GetCommand(context).RunAsync(cancel),
            "describe" => await new DescribeCommand(context).RunAsync(cancel),
            "create" => await new CreateCommand(context).RunAsync(cancel),
            "apply" => await new ApplyCommand(context).RunAsync(cancel),
            "delete" => await new DeleteCommand(context).RunAsync(cancel),
            "logs" => await new LogsCommand(context).RunAsync(cancel),
            "exec" => await new ExecCommand(context).RunAsync(cancel),
            "scale" => await ScaleCommand.RunAsync(context, cancel),
            "rollout" => await new RolloutCommand(context).RunAsync(cancel),
            "label" => await LabelCommand.RunAsync(context, "labels", cancel),
            "annotate" => await LabelCommand.RunAsync(context, "annotations", cancel),
            "api-resources" => await AboutCommands.ApiResourcesAsync(context, cancel),
            "api-versions" => await AboutCommands.ApiVersionsAsync(context, cancel),
            "version" => await AboutCommands.VersionAsync(context, cancel),
            _ => await AboutCommands.ClusterInfoAsync(context, cancel),
        };
    }

    /// <summary>As kubectl says it: <c>Error from server (NotFound): pods "x" not found</c>.</summary>
    internal static string Message(StatusException refused, string? source = null, string doing = "")
    {
        var status = refused.Status;
        if (status.Code == 401) return "error: You must be logged in to the server (Unauthorized)";
        var about = source is null ? "" : $"error when {doing} \"{source}\": ";
        if (status.Reason == "Invalid" && source is null && status.Details?.Kind is { Length: > 0 } kind)
        {
            var causes = status.Details.Causes ?? [];
            var what = $"The {kind} \"{status.Details.Name}\" is invalid";
            return causes.Count switch
            {
                0 => what,
                1 => $"{what}: {causes[0].Field}: {causes[0].Message}",
                _ => $"{what}: \n{string.Join('\n', causes.Select(c => $"* {c.Field}: {c.Message}"))}",
            };
        }
        return status.Reason.Length > 0 ? $"Error from server ({status.Reason}): {about}{status.Message}" : $"Error from server: {about}{status.Message}";
    }

    internal static CommandFailure Missing(string command) => new(
        $"error: \"kubectl {command}\" is not in Bramble's built-in kubectl yet. Use the ordinary kubectl (https://kubernetes.io/docs/tasks/tools/) with KUBECONFIG={KubeConfig.K3sDefault}.");

    private static Flag[] FlagsOf(string command) => command switch
    {
        "get" => GetCommand.Flags,
        "describe" => DescribeCommand.Flags,
        "create" => CreateCommand.Flags,
        "apply" => ApplyCommand.Flags,
        "delete" => DeleteCommand.Flags,
        "logs" => LogsCommand.Flags,
        "exec" => ExecCommand.Flags,
        "scale" => ScaleCommand.Flags,
        "rollout" => RolloutCommand.Flags,
        "label" or "annotate" => LabelCommand.Flags,
        "api-resources" => AboutCommands.ApiResourcesFlags,
        "version" => AboutCommands.VersionFlags,
        "config" => AboutCommands.ConfigFlags,
        _ => [],
    };

    private static int CommandIndex(string[] args)
    {
        for (var i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith('-')) return i;
            // A flag with its value in the next word.
            if (!args[i].Contains('=') && args[i] is "-n" or "--namespace" or "--kubeconfig" or "--context" or "-s" or "--server" or "--token" or "--as" or "--as-group" or "--user" or "--cluster" or "--request-timeout") i++;
        }
        return -1;
    }

    private static string Suggestion(string name)
    {
        var near = Known.Concat(OfOrdinaryOnly).FirstOrDefault(k => k.StartsWith(name, StringComparison.Ordinal) || name.StartsWith(k, StringComparison.Ordinal));
        return near is null ? "" : $"\n\nDid you mean this?\n\t{near}";
    }

    private static async Task<int> HelpAsync(TextWriter output)
    {
        await output.WriteLineAsync(
            "kubectl controls the Kubernetes cluster manager (Bramble's built-in kubectl).\n\nCommands:\n  " + string.Join("\n  ", Known)
            + "\n\nOutput forms of get: wide, yaml, json, name, jsonpath=TEMPLATE, custom-columns=SPEC\nWhat is not here, the ordinary kubectl does: https://kubernetes.io/docs/tasks/tools/");
        return 0;
    }
}
