namespace Bramble.Client;

/// <summary>Waits for one's own completion source. Unlike Task.WaitAsync, whose promise a thread of the pool completes first, the waiter goes on where it began to wait:
/// one hop less for each write, and a simulation orders every step.</summary>
public static class Waiting
{
    /// <param name="own">Nobody else waits for it; made to run continuations asynchronously.</param>
    public static Task OrUntil(this TaskCompletionSource own, CancellationToken cancel)
    {
        return cancel.CanBeCanceled ? Registered(own, cancel) : own.Task;

        static async Task Registered(TaskCompletionSource own, CancellationToken cancel)
        {
            using var registration = cancel.UnsafeRegister(static (state, token) => ((TaskCompletionSource)state!).TrySetCanceled(token), own);
            await own.Task;
        }
    }
}
