namespace Bramble.Controllers.Workloads;

/// <summary>Does the same thing many times, all at once: what fails keeps nothing else from being done. For removals; what is made begins slowly
/// (<see cref="SlowStart"/>).</summary>
internal static class AllAtOnce
{
    /// <returns>The first failure; null: all went well.</returns>
    public static async Task<Exception?> RunAsync(int count, Func<int, Task> act)
    {
        try
        {
            await Task.WhenAll(Enumerable.Range(0, count).Select(act).ToArray());
            return null;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return e;
        }
    }
}
