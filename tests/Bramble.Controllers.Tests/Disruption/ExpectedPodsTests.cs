using Bramble.Controllers.Disruption;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Disruption;

public sealed class ExpectedPodsTests
{
    /// <param name="spec">Of the budget.</param>
    /// <param name="pods">How many it has.</param>
    /// <param name="scale">How many are wanted of them; -1: nobody is asked.</param>
    [Theory]
    [InlineData("a number that must stay", """{"minAvailable":3}""", 4, -1, 4, 3)]
    [InlineData("more than there are", """{"minAvailable":5}""", 4, -1, 4, 5)]
    [InlineData("none must stay", """{"minAvailable":0}""", 4, -1, 4, 0)]
    [InlineData("a number, and no Pods", """{"minAvailable":3}""", 0, -1, 0, 3)]
    [InlineData("a share that must stay", """{"minAvailable":"50%"}""", 4, 10, 10, 5)]
    [InlineData("a share, rounded up", """{"minAvailable":"28%"}""", 4, 22, 22, 7)]
    [InlineData("a small share of a few: one", """{"minAvailable":"1%"}""", 3, 3, 3, 1)]
    [InlineData("all", """{"minAvailable":"100%"}""", 3, 7, 7, 7)]
    [InlineData("no share", """{"minAvailable":"0%"}""", 3, 7, 7, 0)]
    [InlineData("a share of nothing", """{"minAvailable":"50%"}""", 3, 0, 0, 0)]
    [InlineData("a number that may go", """{"maxUnavailable":2}""", 1, 7, 7, 5)]
    [InlineData("none may go", """{"maxUnavailable":0}""", 7, 7, 7, 7)]
    [InlineData("more may go than there are", """{"maxUnavailable":8}""", 7, 7, 7, 0)]
    [InlineData("a share that may go, rounded up", """{"maxUnavailable":"30%"}""", 5, 7, 7, 4)]
    [InlineData("all may go", """{"maxUnavailable":"100%"}""", 5, 7, 7, 0)]
    [InlineData("a share that may go of nothing", """{"maxUnavailable":"30%"}""", 1, 0, 0, 0)]
    [InlineData("what may go counts where an old budget says both", """{"minAvailable":3,"maxUnavailable":1}""", 4, 5, 5, 4)]
    [InlineData("what may go is null: it does not say", """{"minAvailable":3,"maxUnavailable":null}""", 4, -1, 4, 3)]
    [InlineData("neither", "{}", 4, -1, 0, 0)]
    public void Decide(string because, string spec, int pods, int scale, int expected, int desired)
    {
        Assert.NotEmpty(because);
        Assert.Equal(scale >= 0, ExpectedPods.NeedsScale(Tree(spec)));
        Assert.Equal(new ExpectedPods(expected, desired), ExpectedPods.Decide(Tree(spec), pods, Math.Max(scale, 0)));
    }
}
