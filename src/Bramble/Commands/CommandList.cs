using Bramble.Flags;

namespace Bramble.Commands;

/// <summary>One command: its word, what help says of it, what it does with the words behind it.</summary>
internal sealed record Command(string Name, string Help, Func<string[], Task<int>> RunAsync);

/// <summary>All commands, in the order of the help.</summary>
internal static class CommandList
{
    public static readonly IReadOnlyList<Command> All =
    [
        new("server", "Run the control plane and, unless --disable-agent, a node", ServerCommand.RunAsync),
        new("agent", "Run a node of a cluster whose server is elsewhere", AgentCommand.RunAsync),
        new("token", "Tokens by which machines join: create, delete, generate, list, rotate", TokenCommand.RunAsync),
        new("kubectl", "The cluster's command line, built in", KubectlAsync),
        new("ctr", "containerd's client, with the right socket and namespace", words => InstalledTool.RunCtrAsync(words)),
        new("crictl", "The CRI client, with the right socket", words => InstalledTool.RunCrictlAsync(words)),
        new("check-config", "Is this machine fit for a node? Kernel, memory, disk, power, heat, network", CheckConfigCommand.RunAsync),
        new("certificate", "Certificates: check when they end, rotate", CertificateCommand.RunAsync),
        new("completion", "Completion for a shell: bash or zsh", CompletionCommand.RunAsync),
        new("version", "Versions of Kubernetes and of Bramble", _ => VersionCommand.RunOwnAsync()),
    ];

    private static readonly string[] OfK3sOnly = ["etcd-snapshot", "secrets-encrypt"];

    /// <summary>The command of a link to this program (argv[0]): kubectl, ctr, crictl.</summary>
    public static Func<string[], Task<int>>? FindByProgramName(string name) =>
        name is "kubectl" or "ctr" or "crictl" ? All.FirstOrDefault(command => command.Name == name)?.RunAsync : null;

    /// <exception cref="UsageException">No such command.</exception>
    public static Task<int> RunAsync(string[] words)
    {
        // K3s takes a few flags before the command.
        var skipped = 0;
        while (skipped < words.Length && words[skipped] is "--debug" or "-debug") skipped++;
        if (words.Length == skipped || words[skipped] is "-h" or "--help" or "help") return Help();
        if (words[skipped] is "--version" or "-v" or "-version") return VersionCommand.RunAsync();
        var name = words[skipped];
        string[] rest = [.. words.Take(skipped), .. words.Skip(skipped + 1)];
        if (All.FirstOrDefault(command => command.Name == name) is { } known) return known.RunAsync(rest);
        if (OfK3sOnly.Contains(name)) throw new UsageException($"\"{name}\" is a K3s command that Bramble does not have yet (docs/roadmap.md says what comes next)");
        var nearest = All.Select(command => command.Name).MinBy(candidate => FlagSet.Distance(candidate, name))!;
        throw new UsageException($"unknown command \"{name}\"; did you mean \"{nearest}\"? --help lists all");
    }

    private static async Task<int> KubectlAsync(string[] words)
    {
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, pressed) =>
        {
            pressed.Cancel = true;
            stop.Cancel();
        };
        return await Bramble.Kubectl.KubectlCommand.RunAsync(words, Console.Out, Console.Error, stop.Token);
    }

    private static Task<int> Help()
    {
        Console.Out.WriteLine("bramble - Kubernetes for Raspberry Pi clusters, in one small program\n\nUsage: bramble COMMAND [FLAGS]   (also installed as k3s)\n\nCommands:");
        foreach (var command in All) Console.Out.WriteLine($"  {command.Name,-14}{command.Help}");
        Console.Out.WriteLine("\nbramble COMMAND --help says more. Options: --version");
        return Task.FromResult(ExitCode.Ok);
    }
}
