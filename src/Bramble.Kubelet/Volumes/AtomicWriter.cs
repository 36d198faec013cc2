using System.Globalization;
using Bramble.Kubelet.Native;

namespace Bramble.Kubelet.Volumes;

/// <summary>One file of a volume.</summary>
/// <param name="Owner">Null: root.</param>
internal sealed record ProjectedFile(byte[] Content, UnixFileMode Mode, long? Owner = null);

/// <summary>Writes a volume's files so that a reader sees all of the old or all of the new ones: files in a fresh folder, the link <c>..data</c> renamed over
/// the old one, links at the top that lead through it. Paths are the kubelet's, which programs watch (inotify on <c>..data</c>).</summary>
internal static class AtomicWriter
{
    private const string Data = "..data";
    private const UnixFileMode FolderMode = (UnixFileMode)0b111_101_101;

    /// <param name="group">fsGroup: owns the files and may read them.</param>
    /// <returns>Whether anything was written.</returns>
    public static bool Write(string folder, IReadOnlyDictionary<string, ProjectedFile> files, long? group, DateTimeOffset now)
    {
        foreach (var path in files.Keys) Validate(path);
        Directory.CreateDirectory(folder);
        var link = Path.Combine(folder, Data);
        var old = new FileInfo(link).LinkTarget;
        if (old is not null && IsSame(Path.Combine(folder, old), files)) return false;

        var fresh = "..";
        for (var i = 0; ; i++)
        {
            fresh = $"..{now.UtcDateTime.ToString("yyyy_MM_dd_HH_mm_ss", CultureInfo.InvariantCulture)}.{Random.Shared.Next(int.MaxValue)}";
            if (!Directory.Exists(Path.Combine(folder, fresh))) break;
        }
        var target = Path.Combine(folder, fresh);
        Directory.CreateDirectory(target, FolderMode);
        File.SetUnixFileMode(target, FolderMode);
        foreach (var (path, file) in files) WriteFile(target, path, file, group);
        if (group is not null) Share(folder, target, group.Value);

        var temporary = Path.Combine(folder, "..data_tmp");
        File.Delete(temporary);
        File.CreateSymbolicLink(temporary, fresh);
        Libc.Rename(temporary, link);

        var tops = files.Keys.Select(p => p.Split('/')[0]).ToHashSet(StringComparer.Ordinal);
        foreach (var top in tops)
        {
            var visible = Path.Combine(folder, top);
            if (new FileInfo(visible).LinkTarget is null) File.CreateSymbolicLink(visible, $"{Data}/{top}");
        }
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
            if (!entry.Name.StartsWith("..", StringComparison.Ordinal) && !tops.Contains(entry.Name)) entry.Delete();
        if (old is not null && old != fresh && Directory.Exists(Path.Combine(folder, old))) Directory.Delete(Path.Combine(folder, old), recursive: true);
        return true;
    }

    private static void WriteFile(string target, string path, ProjectedFile file, long? group)
    {
        var full = Path.Combine(target, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!, FolderMode);
        File.WriteAllBytes(full, file.Content);
        // With an fsGroup the group may read, whatever the mode says.
        File.SetUnixFileMode(full, group is null ? file.Mode : file.Mode | UnixFileMode.UserRead | UnixFileMode.GroupRead);
        if (file.Owner is not null || group is not null) Libc.ChangeOwner(full, file.Owner, group);
    }

    private static void Share(string folder, string target, long group)
    {
        foreach (var path in Directory.EnumerateDirectories(target, "*", SearchOption.AllDirectories).Append(target).Append(folder))
        {
            Libc.ChangeOwner(path, null, group);
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.SetGroup);
        }
    }

    private static bool IsSame(string folder, IReadOnlyDictionary<string, ProjectedFile> files)
    {
        if (!Directory.Exists(folder)) return false;
        var there = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f)).ToList();
        return there.Count == files.Count && there.All(path => files.TryGetValue(path, out var file)
            && File.ReadAllBytes(Path.Combine(folder, path)).AsSpan().SequenceEqual(file.Content));
    }

    private static void Validate(string path)
    {
        if (path.Length == 0) throw new VolumeException("invalid path: must not be empty: \"\"");
        if (path[0] == '/') throw new VolumeException($"invalid path: must be relative path: {path}");
        if (path.StartsWith("..", StringComparison.Ordinal)) throw new VolumeException($"invalid path: must not start with '..': {path}");
        if (path.Split('/').Contains("..")) throw new VolumeException($"invalid path: must not contain '..': {path}");
    }
}
