using System.Runtime.InteropServices;

namespace Bramble.Kubelet.Native;

/// <summary>Inodes of a file system, from statfs(2).</summary>
internal static partial class FileSystemNodes
{
    // struct statfs on 64-bit Linux (x86-64 and arm64 alike): 8-byte fields; f_files is the 6th, f_ffree the 7th of them.
    private const int StatfsSize = 256;
    private const int FilesOffset = 40;
    private const int FreeOffset = 48;

    /// <returns>0 and 0 where the file system has no fixed number (btrfs) or cannot say.</returns>
    public static unsafe (long Free, long Total) Of(string path)
    {
        var buffer = stackalloc byte[StatfsSize];
        return statfs(path, buffer) == 0 ? (*(long*)(buffer + FreeOffset), *(long*)(buffer + FilesOffset)) : (0, 0);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int statfs(string path, byte* result);
}
