using Bramble.Configuration;
using Bramble.Flags;

namespace Bramble.Commands;

/// <summary><c>bramble completion bash|zsh</c>: prints what a shell sources. Made from the declared commands and flags, so it is never behind them.</summary>
internal static class CompletionCommand
{
    public static Task<int> RunAsync(string[] words)
    {
        switch (words)
        {
            case ["bash"]:
                Console.Out.WriteLine(Bash());
                return Task.FromResult(ExitCode.Ok);
            case ["zsh"]:
                // zsh runs bash's completions.
                Console.Out.WriteLine("autoload -U +X bashcompinit && bashcompinit\n" + Bash());
                return Task.FromResult(ExitCode.Ok);
            default:
                throw new UsageException("completion needs a shell: bramble completion bash, or zsh; for example: source <(bramble completion bash)");
        }
    }

    private static string Bash() => $$"""
        _bramble() {
            local word=${COMP_WORDS[COMP_CWORD]} words
            case ${COMP_CWORD}:${COMP_WORDS[1]} in
                1:*) words='{{string.Join(' ', CommandList.All.Select(command => command.Name))}}' ;;
                *:server) words='{{Names(ServerFlags.All)}}' ;;
                *:agent) words='{{Names(AgentFlags.All)}}' ;;
                2:token) words='create delete generate list rotate' ;;
                2:completion) words='bash zsh' ;;
                *) return ;;
            esac
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
        }
        complete -o default -F _bramble bramble k3s
        """;

    private static string Names(IEnumerable<Flag> flags) => string.Join(' ', flags.Where(flag => flag.Missing is null).Select(flag => "--" + flag.Name));
}
