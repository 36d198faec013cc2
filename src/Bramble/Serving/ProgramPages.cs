using System.Globalization;
using System.Runtime.InteropServices;

namespace Bramble.Serving;

/// <summary>The pages that are mapped from the program's file and its libraries': code that ran once, and the schemas that were read at the start. They are unmapped when the server
/// rests and come back from the page cache when they are used; until then the kernel may give that memory to pods (madvise(2), MADV_DONTNEED).</summary>
internal static partial class ProgramPages
{
    private const int DontNeed = 4;

    /// <summary>Unmaps what is unchanged. A page that was written to (by relocation) has no copy in the file and stays.</summary>
    public static void Release()
    {
        foreach (var (start, length) in Unchanged(File.ReadLines("/proc/self/smaps"))) _ = Advise(start, length, DontNeed);
    }

    /// <summary>The ranges of files' mappings that nobody may write and nobody has written. Pure. Format: proc(5), /proc/pid/smaps.</summary>
    internal static IEnumerable<(nint Start, nuint Length)> Unchanged(IEnumerable<string> smaps)
    {
        (nint Start, nuint Length)? candidate = null;
        foreach (var line in smaps)
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words is [var range, ['r', '-', _, 'p'], _, _, _, ['/', ..]])
            {
                var (start, end) = (range.Split('-')[0], range.Split('-')[1]);
                var from = nint.Parse(start, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                candidate = (from, (nuint)(nint.Parse(end, NumberStyles.HexNumber, CultureInfo.InvariantCulture) - from));
            }
            else if (!words[0].EndsWith(':'))
            {
                candidate = null;
            }
            else if (words is ["Anonymous:", var kilobytes, ..] && candidate is { } mapping)
            {
                candidate = null;
                if (kilobytes == "0") yield return mapping;
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint start, nuint length, int advice);
}
