using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Bramble.Kubelet.Native;

/// <summary>The calls into the C library that .NET has no word for. Failures are a <see cref="Win32Exception"/> with errno's text and what was tried.</summary>
internal static partial class Libc
{
    public const ulong MsReadOnly = 1;
    public const ulong MsNoSuid = 2;
    public const ulong MsNoDev = 4;
    public const ulong MsRemount = 32;
    public const ulong MsBind = 4096;
    public const ulong MsRec = 16384;
    private const int MntDetach = 2;
    private const int Openat2Number = 437;
    private const int OPath = 0x200000;
    private const int OCloseOnExec = 0x80000;
    private const ulong ResolveBeneath = 8;
    private const int AtSymlinkNoFollow = 0x100;
    private const int AtFdCwd = -100;
    private const int ENoEnt = 2;
    private const int EInval = 22;

    public static void Mount(string source, string target, string? type, ulong flags, string? data)
    {
        if (mount(source, target, type, flags, data) != 0) throw Failed($"mount of {source} at {target}");
    }

    /// <summary>False: nothing was mounted there.</summary>
    public static bool Unmount(string target)
    {
        if (umount2(target, MntDetach) == 0) return true;
        if (Marshal.GetLastPInvokeError() is ENoEnt or EInval) return false;
        throw Failed($"unmount of {target}");
    }

    /// <summary>Owner and group of the file itself, not of what a link points to. Null: stays.</summary>
    public static void ChangeOwner(string path, long? user, long? group)
    {
        if (fchownat(AtFdCwd, path, (uint)(user ?? uint.MaxValue), (uint)(group ?? uint.MaxValue), AtSymlinkNoFollow) != 0) throw Failed($"chown of {path}");
    }

    /// <summary>rename(2): replaces what is at <paramref name="to"/>. A link to a folder is renamed as a link, which .NET's File.Move refuses.</summary>
    public static void Rename(string from, string to)
    {
        if (rename(from, to) != 0) throw Failed($"rename of {from} to {to}");
    }

    /// <summary>Opens a path below a folder; whatever links say, it is never outside. Null: there is no such path.</summary>
    public static SafeFileHandle? OpenBeneath(string root, string relative)
    {
        var folder = open(root, OPath | OCloseOnExec);
        if (folder < 0) throw Failed($"open of {root}");
        try
        {
            var how = new OpenHow { Flags = OPath | OCloseOnExec, Resolve = ResolveBeneath };
            var fd = openat2(Openat2Number, folder, relative, ref how, (nuint)Marshal.SizeOf<OpenHow>());
            if (fd >= 0) return new SafeFileHandle((nint)fd, ownsHandle: true);
            return Marshal.GetLastPInvokeError() == ENoEnt ? null : throw Failed($"open of {relative} below {root}");
        }
        finally
        {
            _ = close(folder);
        }
    }

    private static Win32Exception Failed(string what)
    {
        var errno = Marshal.GetLastPInvokeError();
        return new Win32Exception(errno, $"{what} failed: {Marshal.GetPInvokeErrorMessage(errno)}");
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string source, string target, string? type, ulong flags, string? data);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int umount2(string target, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int fchownat(int folder, string path, uint user, uint group, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long openat2(long number, int folder, string path, ref OpenHow how, nuint size);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rename(string from, string to);

    [LibraryImport("libc")]
    private static partial int close(int fd);
}
