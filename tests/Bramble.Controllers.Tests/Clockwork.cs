using System.Runtime.CompilerServices;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Controllers.Tests;

/// <summary>Moves a test's clock until something has happened; controllers work in between.</summary>
internal static class Clockwork
{
    /// <param name="seconds">How far each time.</param>
    /// <returns>How long it took by that clock, at most one step too long on an idle machine.</returns>
    public static async Task<TimeSpan> UntilAsync(this FakeTimeProvider time, double seconds, Func<Task<bool>> condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        var began = time.GetUtcNow();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            if (limit.IsCancellationRequested) Assert.Fail($"not within 30 s ({time.GetUtcNow() - began} by the test's clock): {what}");
            await Task.Delay(15);
            time.Advance(TimeSpan.FromSeconds(seconds));
        }
        return time.GetUtcNow() - began;
    }
}
