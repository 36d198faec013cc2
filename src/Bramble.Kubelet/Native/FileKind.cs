using System.Runtime.InteropServices;

namespace Bramble.Kubelet.Native;

/// <summary>What a path is, from statx(2): <c>f</c> file, <c>d</c> directory, <c>s</c> socket, <c>c</c> or <c>b</c> device, <c>p</c> pipe, <c>-</c> nothing.</summary>
internal static partial class FileKind
{
    private const int AtFdCwd = -100;
    private const uint StatxType = 1;
    private const uint StatxGroup = 0x10;
    private const uint StatxBlocks = 0x400;
    private const int NoFollow = 0x100;
    private const int StatxSize = 256;
    private const int ModeOffset = 28;

    public static unsafe char Of(string path)
    {
        // struct statx is the same on every architecture: stx_mode is the 16 bits at offset 28.
        var buffer = stackalloc byte[StatxSize];
        if (statx(AtFdCwd, path, 0, StatxType, buffer) != 0) return '-';
        return (*(ushort*)(buffer + ModeOffset) & 0xF000) switch
        {
            0x8000 => 'f',
            0x4000 => 'd',
            0xC000 => 's',
            0x2000 => 'c',
            0x6000 => 'b',
            0x1000 => 'p',
            _ => '-',
        };
    }

    /// <summary>Bytes a file takes on its disk (blocks of 512); 0: not there.</summary>
    public static unsafe long AllocatedBytes(string path)
    {
        // stx_blocks is the 64 bits at offset 48.
        var buffer = stackalloc byte[StatxSize];
        return statx(AtFdCwd, path, NoFollow, StatxBlocks, buffer) == 0 ? *(long*)(buffer + 48) * 512 : 0;
    }

    /// <summary>The owning group's number; null: not there.</summary>
    public static unsafe long? GroupOf(string path)
    {
        // stx_gid is the 32 bits at offset 24.
        var buffer = stackalloc byte[StatxSize];
        return statx(AtFdCwd, path, NoFollow, StatxGroup, buffer) == 0 ? *(uint*)(buffer + 24) : null;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int statx(int folder, string path, int flags, uint mask, byte* result);
}
