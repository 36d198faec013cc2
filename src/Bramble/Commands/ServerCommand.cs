using System.Runtime.InteropServices;
using Bramble.Configuration;
using Bramble.Flags;
using Bramble.Logging;
using Bramble.Serving;
using Bramble.Storage;
using Microsoft.Extensions.Logging;

namespace Bramble.Commands;

/// <summary><c>bramble server</c>, as K3s' <c>k3s server</c>.</summary>
internal static class ServerCommand
{
    public static async Task<int> RunAsync(string[] words)
    {
        if (words.Contains("--help") || words.Contains("-h")) return Help();
        var (flags, file, unknownKeys) = Read(words);
        if (flags.Arguments.Count > 0) throw new UsageException($"server takes flags only, not \"{flags.Arguments[0]}\"");
        var config = ServerConfig.From(flags);
        if (config.RunsNode && Environment.UserName != "root") throw new UsageException("a node needs root: sudo bramble server (or --disable-agent for the control plane alone)");
        if (config.RunsNode && Board.MemoryCgroup.Complaint(Board.MemoryCgroup.ReadFile) is { } complaint) throw new UsageException(complaint);

        using var output = Output(flags);
        using var logs = LoggerFactory.Create(builder => builder
            .SetMinimumLevel(config.IsDebug ? LogLevel.Debug : LogLevel.Information)
            // Kestrel tells of each connection and request at Information; an operator wants neither.
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddProvider(new LineLoggerProvider(output, config.IsDebug ? LogLevel.Debug : LogLevel.Information, TimeProvider.System)));
        if (unknownKeys.Count > 0) ServerLog.UnknownConfigKeys(logs.CreateLogger("config"), file, string.Join(", ", unknownKeys));

        using var stop = new CancellationTokenSource();
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, stop));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, stop));
        try
        {
            await new ServerProcess(config, TimeProvider.System, logs).RunAsync(stop.Token);
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
            if (config.IsDebug) await Console.Error.WriteLineAsync(error.ToString());
            return ExitCode.Failed;
        }
    }

    private static void Stop(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        // A second signal while stopping changes nothing; SIGKILL is always there.
        if (!stop.IsCancellationRequested) stop.Cancel();
    }

    /// <summary>Command line over config file over environment.</summary>
    private static (FlagSet Flags, string File, IReadOnlyList<string> UnknownKeys) Read(string[] words)
    {
        var file = FlagSet.Parse(ServerFlags.All, words, Environment.GetEnvironmentVariable).Text(ServerFlags.Config)!;
        var (known, unknown) = ConfigFile.Known(ConfigFile.Read(file), ServerFlags.All);
        return (FlagSet.Parse(ServerFlags.All, [.. known, .. words], Environment.GetEnvironmentVariable), file, unknown);
    }

    private static TextWriter Output(FlagSet flags)
    {
        if (flags.Text(ServerFlags.LogFile) is not { Length: > 0 } path) return Console.Error;
        var file = new StreamWriter(path, append: true);
        return flags.Switch(ServerFlags.AlsoLogToStderr) ? new TwoWriters(file, Console.Error) : file;
    }

    private static int Help()
    {
        Console.Out.WriteLine("Usage: bramble server [FLAGS]\n\nRun the control plane and, unless --disable-agent, a node.\n");
        foreach (var flag in ServerFlags.All.Where(flag => flag.Missing is null))
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
