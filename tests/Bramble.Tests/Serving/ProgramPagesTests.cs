using Bramble.Serving;

namespace Bramble.Tests.Serving;

/// <summary>Which of the program's pages are given back.</summary>
public class ProgramPagesTests
{
    private const string Smaps = """
        55d000000000-55d000400000 r--p 00000000 fe:00 123                        /usr/local/bin/bramble
        Size:               4096 kB
        Anonymous:             0 kB
        VmFlags: rd mr mw me
        55d000400000-55d000800000 r-xp 00400000 fe:00 123                        /usr/local/bin/bramble
        Size:               4096 kB
        Anonymous:             0 kB
        55d000800000-55d000900000 r--p 00800000 fe:00 123                        /usr/local/bin/bramble
        Anonymous:            64 kB
        55d000900000-55d000a00000 rw-p 00900000 fe:00 123                        /usr/local/bin/bramble
        Anonymous:             0 kB
        7f0000000000-7f0000100000 rw-p 00000000 00:00 0
        Anonymous:             0 kB
        7f0000100000-7f0000200000 r-xp 00000000 fe:00 77                         /usr/lib/libc.so.6
        Anonymous:             0 kB
        """;

    [Fact]
    public void Only_what_is_of_a_file_read_only_and_unchanged_is_given_back() =>
        Assert.Equal([(0x55d000000000, (nuint)0x400000), (0x55d000400000, (nuint)0x400000), (0x7f0000100000, (nuint)0x100000)], ProgramPages.Unchanged(Smaps.Split('\n')).Select(range => ((long)range.Start, range.Length)));

    [Fact]
    public void This_process_goes_on_after_it() => ProgramPages.Release(); // a fault here would end the run
}
