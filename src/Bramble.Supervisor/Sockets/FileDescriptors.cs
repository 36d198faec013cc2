using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Bramble.Supervisor.Sockets;

/// <summary>File descriptors between processes: the calls of libc that .NET does not have.</summary>
internal static partial class FileDescriptors
{
    private const int PidFdOpen = 434, PidFdGetFd = 438;                  // the same number on every architecture
    private const int SetDescriptorFlags = 2, CloseOnExec = 1, DuplicateAbove = 1030;
    private const int SocketLevel = 1, Rights = 1;                       // SOL_SOCKET, SCM_RIGHTS

    /// <summary>A descriptor of another process as one of ours (pidfd_getfd(2), Linux 5.6); null: that process has gone, has no such descriptor, or we may not.</summary>
    public static SafeSocketHandle? CopyFrom(int pid, int descriptor)
    {
        var process = (int)Call(PidFdOpen, pid, 0, 0);
        if (process < 0) return null;
        try
        {
            var copy = Call(PidFdGetFd, process, descriptor, 0);
            return copy < 0 ? null : new SafeSocketHandle((IntPtr)copy, ownsHandle: true);
        }
        finally
        {
            _ = Close(process);
        }
    }

    /// <summary>A copy numbered <paramref name="least"/> or higher, so that no number below is in the way of a child's.</summary>
    /// <exception cref="Win32Exception">No descriptor is left.</exception>
    public static SafeSocketHandle CopyAbove(SafeHandle descriptor, int least)
    {
        var copy = Control((int)descriptor.DangerousGetHandle(), DuplicateAbove, least);
        return copy < 0 ? throw new Win32Exception(Marshal.GetLastPInvokeError()) : new SafeSocketHandle(copy, ownsHandle: true);
    }

    /// <summary>Takes over a descriptor that we were started with; our own children do not get it.</summary>
    public static SafeSocketHandle Adopt(int descriptor)
    {
        _ = Control(descriptor, SetDescriptorFlags, CloseOnExec);
        return new SafeSocketHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Sends a message with a descriptor (SCM_RIGHTS, unix(7)) over a connected socket.</summary>
    public static unsafe void Send(Socket to, string message, SafeHandle descriptor)
    {
        var text = Encoding.UTF8.GetBytes(message);
        // cmsghdr is length, level, type; then the descriptor, padded to 8 bytes.
        var control = stackalloc byte[24];
        new Span<byte>(control, 24).Clear();
        *(nint*)control = 20;
        *(int*)(control + 8) = SocketLevel;
        *(int*)(control + 12) = Rights;
        *(int*)(control + 16) = (int)descriptor.DangerousGetHandle();
        fixed (byte* bytes = text)
        {
            var part = new Part { Start = bytes, Length = (nuint)text.Length };
            var header = new Message { Parts = &part, PartCount = 1, Control = control, ControlLength = 24 };
            if (SendMessage((int)to.Handle, &header, 0) < 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Part
    {
        public byte* Start;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Message
    {
        public void* Name;
        public uint NameLength;
        public Part* Parts;
        public nuint PartCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Call(long number, long first, long second, long third);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int descriptor, int command, int argument);

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static unsafe partial nint SendMessage(int socket, Message* message, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
