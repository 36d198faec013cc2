using System.Text;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;

namespace Bramble.Kubelet.Containers;

/// <summary>What a container that ended has left to say: its termination message file, or with FallbackToLogsOnError the end of its log.</summary>
internal sealed class TerminationMessages(Func<ContainerStatus, string?> logPath)
{
    private const int MessageMax = 4096;
    private const int LogMax = 2048;
    private const int LogLinesMax = 80;

    public string? Read(ContainerStatus c)
    {
        var message = c.Message ?? "";
        var text = FromFile(c);
        if (text.Length == 0 && c.ExitCode != 0 && c.Annotations.GetValueOrDefault(RuntimeLabels.TerminationMessagePolicy) == "FallbackToLogsOnError") text = FromLog(c);
        if (text.Length == 0) return message.Length > 0 ? message : null;
        return message.Length > 0 ? $"{message}: {text}" : text;
    }

    private static string FromFile(ContainerStatus c)
    {
        if (!c.Annotations.TryGetValue(RuntimeLabels.TerminationMessagePath, out var path) || path.Length == 0) return "";
        var mount = c.Mounts.FirstOrDefault(m => m.ContainerPath == path);
        if (mount is null || !File.Exists(mount.HostPath)) return "";
        try
        {
            return Tail(mount.HostPath, MessageMax);
        }
        catch (IOException e)
        {
            return $"Error on reading termination log {mount.HostPath}: {e.Message}";
        }
    }

    private string FromLog(ContainerStatus c)
    {
        if (logPath(c) is not { } path || !File.Exists(path)) return "";
        try
        {
            var lines = Tail(path, LogMax * 4).Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(LogLinesMax);
            // "2026-… stdout F text": what follows the third space.
            var text = string.Join("", lines.Select(l => l.Split(' ', 4) is [_, _, _, var rest] ? rest + "\n" : ""));
            return text.Length > LogMax ? text[^LogMax..] : text;
        }
        catch (IOException e)
        {
            return $"Error reading from container log: {e.Message}";
        }
    }

    private static string Tail(string path, int bytesMax)
    {
        using var file = File.OpenRead(path);
        if (file.Length > bytesMax) file.Seek(-bytesMax, SeekOrigin.End);
        var buffer = new byte[bytesMax];
        var length = file.ReadAtLeast(buffer, bytesMax, throwOnEndOfStream: false);
        return Encoding.UTF8.GetString(buffer, 0, length);
    }
}
