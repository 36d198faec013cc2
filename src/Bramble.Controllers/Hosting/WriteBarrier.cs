using System.Collections.Concurrent;
using Bramble.Api.Naming;
using Bramble.Client;
using k8s;
using k8s.Models;

namespace Bramble.Controllers.Hosting;

/// <summary>A controller decides from a local copy that its own last writes may not have reached yet; deciding then would do them twice. So each write is
/// noted here, and the key runs again when the copy has reached it. Thread-safe.</summary>
internal sealed class WriteBarrier
{
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<NamespacedName, ConcurrentQueue<Func<CancellationToken, Task>>> _pending = new();

    /// <summary><paramref name="written"/> must be in the copy before <paramref name="key"/> is decided again.</summary>
    public void Wrote<T>(NamespacedName key, IInformer<T> informer, KubeObject written) where T : class =>
        Add(key, informer, () => informer.ResourceVersion >= written.ResourceVersion);

    /// <summary>The object must be gone or marked for deletion in the copy before <paramref name="key"/> is decided again. A newer version says nothing: it
    /// may be somebody else's write of just before.</summary>
    public void Deleted<T>(NamespacedName key, IInformer<T> informer, NamespacedName deleted, string uid) where T : class, IKubernetesObject<V1ObjectMeta> =>
        Add(key, informer, () => informer.Find(deleted) is not { } known || known.Metadata.Uid != uid || known.IsBeingDeleted());

    /// <summary>A write that may have happened although its answer was lost: before <paramref name="key"/> is decided again the API is asked.</summary>
    /// <param name="learn">Asks, and says what the copy must have.</param>
    public void Unsure<T>(NamespacedName key, IInformer<T> informer, Func<CancellationToken, Task<Func<bool>>> learn) where T : class =>
        Add(key, async cancel => await informer.WaitUntilAsync(await learn(cancel), cancel));

    /// <exception cref="TimeoutException">The copy lags by more than ten seconds.</exception>
    /// <remarks>The exceptions of an <see cref="Unsure"/>'s question are passed on.</remarks>
    public async Task CaughtUpAsync(NamespacedName key, TimeProvider time, CancellationToken cancel)
    {
        if (!_pending.TryRemove(key, out var writes)) return;
        try
        {
            while (writes.TryPeek(out var wait))
            {
                await wait(cancel).WaitAsync(WaitMax, time, cancel);
                writes.TryDequeue(out _);
            }
        }
        finally
        {
            // What is left stays: the next attempt waits for it again.
            if (!writes.IsEmpty)
            {
                var waiting = _pending.GetOrAdd(key, writes);
                if (waiting != writes)
                    foreach (var left in writes) waiting.Enqueue(left);
            }
        }
    }

    private void Add<T>(NamespacedName key, IInformer<T> informer, Func<bool> isSeen) where T : class =>
        Add(key, cancel => isSeen() ? Task.CompletedTask : informer.WaitUntilAsync(isSeen, cancel));

    private void Add(NamespacedName key, Func<CancellationToken, Task> wait) => _pending.GetOrAdd(key, _ => new()).Enqueue(wait);
}
