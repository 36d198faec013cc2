using System.Diagnostics;

namespace Bramble.IntegrationTests.Support;

/// <summary>Waits for what a cluster does in its own time.</summary>
internal static class Eventually
{
    /// <summary>Asks until the answer satisfies; fails with the last answer after a minute unless another time is given.</summary>
    public static async Task<T> Becomes<T>(Func<Task<T>> ask, Func<T, bool> satisfied, string what, TimeSpan? within = null)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            var answer = await ask();
            if (satisfied(answer)) return answer;
            if (clock.Elapsed > (within ?? TimeSpan.FromMinutes(1))) throw new UnexpectedException($"{what}: not so after {clock.Elapsed.TotalSeconds:F0} s; last seen:\n{answer}");
            await Task.Delay(200);
        }
    }
}
