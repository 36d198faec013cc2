using System.Diagnostics;

namespace Bramble.IntegrationTests.Support;

/// <summary>Runs programs of this machine.</summary>
internal static class Command
{
    /// <summary>Runs to the end; after <paramref name="timeout"/> (2 minutes unless given) everything it started is killed and the test fails.</summary>
    public static async Task<CommandResult> Run(string program, IEnumerable<string> arguments, Stream? input = null, IReadOnlyDictionary<string, string>? environment = null, TimeSpan? timeout = null)
    {
        using var process = Start(program, arguments, environment);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        if (input is not null)
        {
            await input.CopyToAsync(process.StandardInput.BaseStream);
        }
        process.StandardInput.Close();
        using var deadline = new CancellationTokenSource(timeout ?? TimeSpan.FromMinutes(2));
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new UnexpectedException($"{program} {string.Join(' ', arguments)}: did not end in time\n{await output}\n{await errors}");
        }
        return new CommandResult($"{Path.GetFileName(program)} {string.Join(' ', arguments)}", process.ExitCode, await output, await errors);
    }

    /// <summary>Starts a program that runs beside the test; the caller ends it.</summary>
    public static Process Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
