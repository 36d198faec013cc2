using System.Runtime.InteropServices;

namespace Bramble.Kubelet.Native;

/// <summary>rmdir(2): in the cgroup file system a folder that shows files is empty all the same, which .NET's Directory.Delete does not believe.</summary>
internal static partial class RemoveFolder
{
    private const int ENoEnt = 2;

    /// <returns>False: it is still in use.</returns>
    public static bool TryRemove(string path) => rmdir(path) == 0 || Marshal.GetLastPInvokeError() == ENoEnt;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rmdir(string path);
}
