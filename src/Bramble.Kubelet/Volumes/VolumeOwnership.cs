using Bramble.Kubelet.Native;

namespace Bramble.Kubelet.Volumes;

/// <summary>A pod's fsGroup owns a volume: its files are the group's to read and write, new ones too (setgid on folders). Links are left alone.</summary>
internal static class VolumeOwnership
{
    private const UnixFileMode Shared = UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
    private const UnixFileMode SharedFolder = Shared | UnixFileMode.GroupExecute | UnixFileMode.SetGroup;

    /// <param name="policy">OnRootMismatch: what is right at the top is taken to be right below. Else all is changed, which takes its time with many files.</param>
    public static void Apply(string path, long group, string? policy)
    {
        var top = new DirectoryInfo(path);
        if (policy == "OnRootMismatch" && (top.UnixFileMode & SharedFolder) == SharedFolder && FileKind.GroupOf(path) == group) return;
        // The top last: a change that was broken off is begun again under OnRootMismatch.
        foreach (var entry in top.EnumerateFileSystemInfos("*", SearchOption.AllDirectories)) Share(entry, group);
        Share(top, group);
    }

    private static void Share(FileSystemInfo entry, long group)
    {
        if (entry.LinkTarget is not null) return;
        Libc.ChangeOwner(entry.FullName, null, group);
        File.SetUnixFileMode(entry.FullName, entry.UnixFileMode | (entry is DirectoryInfo ? SharedFolder : Shared));
    }
}
