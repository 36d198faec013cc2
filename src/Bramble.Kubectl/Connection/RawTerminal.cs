using System.Runtime.InteropServices;

namespace Bramble.Kubectl.Connection;

/// <summary>The terminal without echo and line editing while a remote shell has it; as it was again when disposed.</summary>
internal sealed partial class RawTerminal : IDisposable
{
    // struct termios is 60 bytes on Linux; nobody looks inside here.
    private const int TermiosBytes = 128;

    private readonly byte[] _before = new byte[TermiosBytes];

    private RawTerminal() { }

    public static RawTerminal? Enter()
    {
        var terminal = new RawTerminal();
        var raw = new byte[TermiosBytes];
        if (GetAttributes(0, terminal._before) != 0) return null;
        terminal._before.CopyTo(raw, 0);
        MakeRaw(raw);
        SetAttributes(0, 0, raw);
        return terminal;
    }

    public void Dispose() => SetAttributes(0, 0, _before);

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetAttributes(int file, [In, Out] byte[] termios);

    [LibraryImport("libc", EntryPoint = "cfmakeraw")]
    private static partial void MakeRaw([In, Out] byte[] termios);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetAttributes(int file, int when, [In] byte[] termios);
}
