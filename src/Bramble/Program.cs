using Bramble.Commands;
using Bramble.Flags;

// SQLite is linked into the binary; the provider only names its functions.
SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_sqlite3());
return await Start.RunAsync(args, Path.GetFileName(Environment.GetCommandLineArgs()[0]));

/// <summary>Which command runs: by the name the program was called by (kubectl, ctr, crictl), else by the first word.</summary>
internal static class Start
{
    public static async Task<int> RunAsync(string[] arguments, string calledAs)
    {
        try
        {
            return CommandList.FindByProgramName(calledAs) is { } alias ? await alias(arguments) : await CommandList.RunAsync(arguments);
        }
        catch (UsageException error)
        {
            await Console.Error.WriteLineAsync($"bramble: {error.Message}");
            return ExitCode.Usage;
        }
    }
}
