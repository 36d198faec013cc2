using Bramble.Controllers.Workloads;

namespace Bramble.Controllers.Tests.Workloads;

public sealed class SlowStartTests
{
    [Theory]
    [InlineData("what always fails is tried once", 10, 0, 1)]
    [InlineData("what always works is done as often as it is to be", 10, 10, 10)]
    [InlineData("what begins to fail is not tried again after its batch: 1, 2 and 4", 10, 5, 7)]
    public async Task Tries(string because, int count, int works, int expected)
    {
        Assert.NotEmpty(because);
        var tries = 0;
        var failure = await SlowStart.RunAsync(count, _ => ++tries > works ? Task.FromException(new IOException("no")) : Task.CompletedTask);
        Assert.Equal((expected, works < count), (tries, failure is IOException));
    }
}
