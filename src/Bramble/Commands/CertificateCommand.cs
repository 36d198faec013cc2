using System.Globalization;
using Bramble.Configuration;
using Bramble.Flags;
using Bramble.Supervisor.Layout;
using Bramble.Supervisor.Pki;

namespace Bramble.Commands;

/// <summary><c>bramble certificate check|rotate</c>, as K3s' <c>k3s certificate</c>: works on the files alone.</summary>
internal static class CertificateCommand
{
    public static Task<int> RunAsync(string[] words)
    {
        if (words.Length == 0 || words.Any(word => word is "-h" or "--help"))
        {
            Console.Out.WriteLine("Usage: bramble certificate check|rotate [--data-dir FOLDER]\n\ncheck   lists the certificates and when they end\nrotate  removes all but the CAs' (stop the service first); the next start makes new ones");
            return Task.FromResult(ExitCode.Ok);
        }
        if (words[0] is not ("check" or "rotate")) throw new UsageException($"certificate has no command \"{words[0]}\" in Bramble; it has check, rotate");
        var flags = FlagSet.Parse([ServerFlags.DataDir], words[1..], Environment.GetEnvironmentVariable);
        if (flags.Arguments.Count > 0) throw new UsageException($"certificate {words[0]} takes flags only, not \"{flags.Arguments[0]}\"");
        var layout = new DataLayout(flags.Text(ServerFlags.DataDir, DataLayout.Default));
        try
        {
            return Task.FromResult(words[0] == "check" ? Check(layout) : Rotate(layout));
        }
        catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new UsageException($"{error.Message} (as root?)");
        }
    }

    private static int Check(DataLayout layout)
    {
        var now = TimeProvider.System.GetUtcNow();
        var all = Existing(layout);
        var width = all.Max(state => Path.GetFileName(state.File).Length) + 2;
        var subjects = all.Max(state => state.Subject.Length) + 2;
        Console.Out.WriteLine($"{"FILENAME".PadRight(width)}{"SUBJECT".PadRight(subjects)}{"EXPIRES",-22}{"RESIDUAL",-10}STATUS");
        foreach (var state in all)
        {
            var expires = state.NotAfter.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            var days = string.Create(CultureInfo.InvariantCulture, $"{(int)(state.NotAfter - now).TotalDays}d");
            Console.Out.WriteLine($"{Path.GetFileName(state.File).PadRight(width)}{state.Subject.PadRight(subjects)}{expires,-22}{days,-10}{state.Status(now)}");
        }
        return ExitCode.Ok;
    }

    private static int Rotate(DataLayout layout)
    {
        _ = Existing(layout);
        if (CertificateFiles.Rotate(layout, TimeProvider.System.GetUtcNow()) is { } copy) Console.Out.WriteLine($"The files as they were: {copy}");
        Console.Out.WriteLine("Certificates are made anew at the next start: systemctl restart k3s");
        return ExitCode.Ok;
    }

    private static IReadOnlyList<CertificateState> Existing(DataLayout layout) => CertificateFiles.All(layout) is { Count: > 0 } all ? all
        : throw new UsageException($"there are no certificates below {layout.Root}; is this the data dir? --data-dir names another");
}
