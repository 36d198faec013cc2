using Bramble.Board;
using Bramble.Flags;
using Bramble.Supervisor.Runtime;

namespace Bramble.Commands;

/// <summary><c>bramble check-config</c>, as K3s' <c>k3s check-config</c>: is this machine fit for a node? Its exit code is the number of failures.</summary>
internal static class CheckConfigCommand
{
    public static Task<int> RunAsync(string[] words)
    {
        if (words.Any(word => word is "-h" or "--help"))
        {
            Console.Out.WriteLine("Usage: bramble check-config\n\nLooks at this machine as a node: kernel, memory, disk, power, heat, network. The exit code is the number of failures.");
            return Task.FromResult(ExitCode.Ok);
        }
        if (words.Length > 0) throw new UsageException($"check-config takes no arguments, not \"{words[0]}\"");
        List<Finding> findings = [.. new BoardChecks(MemoryCgroup.ReadFile, path => File.Exists(path) || Directory.Exists(path)).All()];
        findings.Add(Containerd.Complaint() is { } missing ? new(Verdict.Fail, "runtime", missing) : new(Verdict.Pass, "runtime", "containerd and runc are there"));
        foreach (var finding in findings) Console.Out.WriteLine($"{finding.Verdict.ToString().ToLowerInvariant(),-8} {finding.Subject,-14} {finding.Text}");
        var failures = findings.Count(finding => finding.Verdict == Verdict.Fail);
        Console.Out.WriteLine();
        Console.Out.WriteLine(failures == 0 ? "STATUS: pass" : $"STATUS: {failures} (fail)");
        return Task.FromResult(failures);
    }
}
