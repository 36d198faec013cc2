using Bramble.Controllers.Jobs;

namespace Bramble.Controllers.Tests.Jobs;

public sealed class IndexSetTests
{
    [Theory]
    [InlineData("1,3-5,7", 10, "1,3-5,7", 5)]
    [InlineData("1-2", 10, "1,2", 2)]
    [InlineData("3-5,4,6", 10, "3-6", 4)]
    [InlineData("0,7-9", 8, "0,7", 2)]
    [InlineData("x,2", 8, "2", 1)]
    public void Reads_and_writes_as_the_API_does(string text, int completions, string written, int count)
    {
        var set = IndexSet.Parse(text, completions);
        Assert.Equal((written, count), (set.ToString(), set.Count));
    }

    [Fact]
    public void The_first_missing_indexes_skip_what_is_there() => Assert.Equal([0, 2, 6], IndexSet.Parse("1,3-5", 8).FirstMissing(3, 8));
}
