using Bramble.Serving;

namespace Bramble.Tests.Serving;

public sealed class IdleMemoryTests
{
    private const long Mb = 1 << 20;

    [Theory]
    [InlineData("a small heap whose start is over", 30, 100, 101, true)]
    [InlineData("much is being done", 30, 100, 110, false)]
    [InlineData("too little since the last time", 30, 10, 11, false)]
    [InlineData("a large heap rests although nodes renew their leases", 320, 900, 910, true)]
    [InlineData("a large heap that grows does not", 320, 900, 930, false)]
    [InlineData("a large heap is not collected for little", 320, 100, 110, false)]
    public void A_resting_server_gives_memory_back_when_that_is_worth_it(string why, long committed, long before, long now, bool expected)
    {
        var memory = new IdleMemory(TimeProvider.System);
        memory.IsWorthwhile(before * Mb, long.MaxValue / 2);     // whatever it was, its time is over
        Assert.True(expected == memory.IsWorthwhile(now * Mb, committed * Mb), why);
    }
}
