using System.Runtime.InteropServices;
using Bramble.Configuration;
using Bramble.Flags;
using Bramble.Logging;
using Bramble.Serving;
using Bramble.Storage;
using Bramble.Supervisor.Runtime;
using Microsoft.Extensions.Logging;

namespace Bramble.Commands;

/// <summary>A command that runs until it is told to stop (<c>server</c>, <c>agent</c>): command line, config file and environment, the log, signals, and what
/// becomes of an error.</summary>
internal sealed class LongRunningCommand(string name, string help, IReadOnlyList<Flag> flags)
{
    /// <summary>K3s warns of unknown keys in a server's config file and refuses them in an agent's.</summary>
    public bool SkipsUnknownKeys { get; init; }

    /// <param name="prepare">Understands the flags, before anything is done; what it returns runs.</param>
    public async Task<int> RunAsync(string[] words, Func<FlagSet, Func<ILoggerFactory, CancellationToken, Task>> prepare)
    {
        if (words.Contains("--help") || words.Contains("-h")) return Help();
        var (values, file, unknownKeys) = Read(flags, words, SkipsUnknownKeys);
        if (values.Arguments.Count > 0) throw new UsageException($"{name} takes flags only, not \"{values.Arguments[0]}\"");
        var run = prepare(values);
        var isDebug = values.Switch(ServerFlags.Debug) || values.Number(ServerFlags.Verbosity) >= 4;

        using var output = Output(values);
        using var logs = LoggerFactory.Create(builder => builder
            .SetMinimumLevel(isDebug ? LogLevel.Debug : LogLevel.Information)
            // Kestrel tells of each connection and request at Information; an operator wants neither.
            .AddFilter("Microsoft", LogLevel.Warning)
            // The ingress' forwarder tells of each request; the access log and the metrics do that.
            .AddFilter("Yarp", LogLevel.Critical)
            // It logs why it cannot start and throws it too; once is enough.
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.Critical)
            .AddProvider(new LineLoggerProvider(output, isDebug ? LogLevel.Debug : LogLevel.Information, TimeProvider.System)));
        if (unknownKeys.Count > 0) ServerLog.UnknownConfigKeys(logs.CreateLogger("config"), file, string.Join(", ", unknownKeys));

        using var stop = new CancellationTokenSource();
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, stop));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, stop));
        try
        {
            await run(logs, stop.Token);
            return ExitCode.Ok;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Ok;
        }
        catch (Exception error) when (error is IOException or InvalidOperationException or InvalidDataException or FormatException or StoreUnavailableException or UnauthorizedAccessException)
        {
            // What the world did to us while starting: the message has cause and fix.
            await Console.Error.WriteLineAsync($"bramble: {error.Message}");
            if (isDebug) await Console.Error.WriteLineAsync(error.ToString());
            return ExitCode.Failed;
        }
    }

    /// <summary>What a machine must have before it can be a node.</summary>
    /// <exception cref="UsageException">It has not; with the fix.</exception>
    /// <param name="runtimeEndpoint">Given: somebody else's runtime, so ours need not be there.</param>
    public static void RequireNodeRights(string hint, string? runtimeEndpoint)
    {
        if (Environment.UserName != "root") throw new UsageException($"a node needs root: {hint}");
        if (Board.MemoryCgroup.Complaint(Board.MemoryCgroup.ReadFile) is { } complaint) throw new UsageException(complaint);
        if (runtimeEndpoint is null && Containerd.Complaint() is { } missing) throw new UsageException(missing);
    }

    private static void Stop(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        // A second signal while stopping changes nothing; SIGKILL is always there.
        if (!stop.IsCancellationRequested) stop.Cancel();
    }

    /// <summary>Command line over config file over environment.</summary>
    private static (FlagSet Flags, string File, IReadOnlyList<string> UnknownKeys) Read(IReadOnlyList<Flag> all, string[] words, bool skipsUnknownKeys)
    {
        // The one flag whose variable wins over the command line, as in K3s.
        var file = Environment.GetEnvironmentVariable(ServerFlags.Config.Variable!) is { Length: > 0 } variable
            ? variable
            : FlagSet.Parse(all, words, Environment.GetEnvironmentVariable).Text(ServerFlags.Config)!;
        var lines = ConfigFile.Read(file);
        var (known, unknown) = skipsUnknownKeys ? ConfigFile.Known(lines, all) : (lines, []);
        return (FlagSet.Parse(all, [.. known, .. words], Environment.GetEnvironmentVariable), file, unknown);
    }

    private static TextWriter Output(FlagSet flags)
    {
        if (flags.Text(ServerFlags.LogFile) is not { Length: > 0 } path) return Console.Error;
        var file = new StreamWriter(path, append: true);
        return flags.Switch(ServerFlags.AlsoLogToStderr) ? new TwoWriters(file, Console.Error) : file;
    }

    private int Help()
    {
        Console.Out.WriteLine($"Usage: bramble {name} [FLAGS]\n\n{help}.\n");
        foreach (var flag in flags.Where(flag => flag.Missing is null))
        {
            var names = string.Join(", ", (flag.Aliases ?? []).Where(alias => alias.Length == 1).Select(alias => "-" + alias).Append("--" + flag.Name));
            var extras = (flag.Default is { Length: > 0 } standard ? $" (default: {standard})" : "") + (flag.Variable is { } variable ? $" [${variable}]" : "");
            Console.Out.WriteLine($"  {names,-38} {flag.Help}{extras}");
        }
        return ExitCode.Ok;
    }

    /// <summary>The log in two places (<c>--alsologtostderr</c>).</summary>
    private sealed class TwoWriters(TextWriter first, TextWriter second) : TextWriter
    {
        public override System.Text.Encoding Encoding => first.Encoding;

        public override void Write(char value)
        {
            first.Write(value);
            second.Write(value);
        }

        public override void Write(string? value)
        {
            first.Write(value);
            second.Write(value);
        }

        public override void Flush()
        {
            first.Flush();
            second.Flush();
        }
    }
}
