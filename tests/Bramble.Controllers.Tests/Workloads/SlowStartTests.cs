using Bramble.Controllers.Workloads;

namespace Bramble.Controllers.Tests.Workloads;

public sealed class SlowStartTests
{
    [Theory]
    [InlineData("the first fails: it was the only one", 0, 1)]
    [InlineData("then two at a time", 1, 3)]
    [InlineData("then four", 3, 7)]
    [InlineData("never more than 500", 600, 511 + 500)]
    [InlineData("none fails", 2000, 1200)]
    public async Task What_comes_after_the_batch_of_a_failure_is_not_tried(string because, int failing, int tried)
    {
        Assert.NotEmpty(because);
        var count = 0;
        var failure = await SlowStart.RunAsync(1200, i =>
        {
            count++;
            return i == failing ? Task.FromException(new InvalidOperationException("no")) : Task.CompletedTask;
        });
        Assert.Equal((tried, failing < 1200), (count, failure is not null));
    }
}
