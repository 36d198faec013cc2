namespace Bramble.Controllers.Workloads;

/// <summary>Does the same thing many times: first once, then twice as many at a time up to 500, so that what always fails (a quota, a webhook) fails once, not 500
/// times.</summary>
internal static class SlowStart
{
    private const int AtOnceMax = 500;

    /// <returns>The first failure; what came after its batch was not tried. Null: all went well.</returns>
    public static async Task<Exception?> RunAsync(int count, Func<int, Task> act)
    {
        var done = 0;
        for (var size = 1; done < count; size = Math.Min(size * 2, AtOnceMax))
        {
            var batch = Enumerable.Range(done, Math.Min(size, count - done)).Select(act).ToArray();
            done += batch.Length;
            try
            {
                await Task.WhenAll(batch);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                return e;
            }
        }
        return null;
    }
}
