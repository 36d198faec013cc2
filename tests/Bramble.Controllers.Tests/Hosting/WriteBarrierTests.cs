using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Controllers.Tests.Hosting;

public sealed class WriteBarrierTests
{
    private static readonly NamespacedName Key = new("d", "web");
    private readonly WriteBarrier _barrier = new();
    private readonly LaggingCopy _copy = new();

    [Fact]
    public async Task After_a_lost_answer_the_API_is_asked_until_it_answers_and_the_copy_waited_for()
    {
        var asked = 0;
        _barrier.Unsure(Key, _copy, _ => ++asked == 1 ? throw new IOException("away") : Task.FromResult<Func<bool>>(() => _copy.ResourceVersion >= 7));
        await Assert.ThrowsAsync<IOException>(() => CaughtUpAsync());
        var waiting = CaughtUpAsync();
        Assert.False(waiting.IsCompleted);
        _copy.Reach(7);
        await waiting;
        await CaughtUpAsync();
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task What_was_not_seen_in_time_is_waited_for_again()
    {
        var time = new FakeTimeProvider();
        _barrier.Unsure(Key, _copy, _ => Task.FromResult<Func<bool>>(() => _copy.ResourceVersion >= 7));
        var waiting = _barrier.CaughtUpAsync(Key, time, default);
        time.Advance(TimeSpan.FromSeconds(10));
        await Assert.ThrowsAsync<TimeoutException>(() => waiting);
        Assert.False(CaughtUpAsync().IsCompleted);
        // Another key does not wait for it.
        await _barrier.CaughtUpAsync(new NamespacedName("d", "other"), time, default);
    }

    private Task CaughtUpAsync() => _barrier.CaughtUpAsync(Key, TimeProvider.System, default);

    private sealed class LaggingCopy : IInformer<V1Pod>
    {
        private readonly List<(Func<bool> Condition, TaskCompletionSource Done)> _waiting = [];

        public ResourceId Resource => Resources.Pods;
        public long ResourceVersion { get; private set; }
        public Task Synced => Task.CompletedTask;

        public void Reach(long version)
        {
            ResourceVersion = version;
            foreach (var (condition, done) in _waiting)
                if (condition()) done.TrySetResult();
        }

        public Task WaitUntilAsync(Func<bool> condition, CancellationToken cancel)
        {
            if (condition()) return Task.CompletedTask;
            var done = new TaskCompletionSource();
            _waiting.Add((condition, done));
            return done.Task;
        }

        public V1Pod? Find(NamespacedName name) => throw new NotSupportedException();
        public KubeObject? FindObject(NamespacedName name) => throw new NotSupportedException();
        public IReadOnlyList<V1Pod> List(string ns = "") => throw new NotSupportedException();
        public void AddIndex(string index, Func<V1Pod, IEnumerable<string>> values) => throw new NotSupportedException();
        public IReadOnlyList<V1Pod> ByIndex(string index, string value) => throw new NotSupportedException();
        public IDisposable Subscribe(Action<ObjectChange<V1Pod>> handler) => throw new NotSupportedException();
    }
}
