using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Bramble.Supervisor.Layout;

/// <summary>Files that must be whole or not there at all: written beside, fsynced, renamed, folder fsynced, so that a crash at any moment leaves the old or
/// the new content.</summary>
public static partial class SafeFile
{
    private const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    public const UnixFileMode Shared = Private | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Replaces <paramref name="path"/>; missing folders are made with mode 0700.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content, UnixFileMode mode = Private)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(folder, FolderMode);
        var beside = Path.Combine(folder, $".{Path.GetFileName(path)}.{Environment.ProcessId}");
        // A umask may take bits away from UnixCreateMode; a mode the user asked for must be exact.
        using (var file = new FileStream(beside, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = Private }))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        File.SetUnixFileMode(beside, mode);
        File.Move(beside, path, overwrite: true);
        SyncFolder(folder);
    }

    public static void Write(string path, string content, UnixFileMode mode = Private) => Write(path, Encoding.UTF8.GetBytes(content), mode);

    /// <summary>Writes only when the content differs, so that an unchanged start writes nothing to the SD card.</summary>
    public static bool WriteIfChanged(string path, string content, UnixFileMode mode = Private)
    {
        if (File.Exists(path) && File.ReadAllText(path) == content)
        {
            if (File.GetUnixFileMode(path) != mode) File.SetUnixFileMode(path, mode);
            return false;
        }
        Write(path, content, mode);
        return true;
    }

    private static void SyncFolder(string folder)
    {
        using var handle = OpenFolder(folder, 0);
        // A file system that cannot sync a folder (some network ones) has its own rules for durability.
        if (!handle.IsInvalid) _ = Fsync(handle);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle OpenFolder(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Fsync(SafeFileHandle handle);
}
