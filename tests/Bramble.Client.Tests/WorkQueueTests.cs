using Microsoft.Extensions.Time.Testing;

namespace Bramble.Client.Tests;

public sealed class WorkQueueTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_key_that_rests_is_not_taken_again_however_often_it_is_added()
    {
        using var queue = new WorkQueue<string>(_time);
        queue.Add("large");
        await queue.TakeAsync(default);
        queue.Done("large", TimeSpan.FromMilliseconds(100));
        queue.Add("large");
        queue.Add("small");
        Assert.Equal("small", await queue.TakeAsync(default));
        var next = queue.TakeAsync(default).AsTask();
        _time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.False(next.IsCompleted);
        queue.Add("large");
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("large", await next);
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public async Task A_key_that_nobody_added_while_it_rested_does_not_come_back()
    {
        using var queue = new WorkQueue<string>(_time);
        queue.Add("a");
        await queue.TakeAsync(default);
        queue.Done("a", TimeSpan.FromMilliseconds(100));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, queue.Count);
        queue.Add("a");
        Assert.Equal("a", await queue.TakeAsync(default));
    }

    [Fact]
    public void Failures_back_off_within_the_queues_own_bounds_until_one_goes_well()
    {
        using var queue = new WorkQueue<string>(_time) { BackOff = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5)) };
        Assert.Equal([1, 2, 4, 5, 5], Enumerable.Range(0, 5).Select(_ => queue.AddRateLimited("a").TotalSeconds));
        queue.Forget("a");
        Assert.Equal(1, queue.AddRateLimited("a").TotalSeconds);
        using var usual = new WorkQueue<string>(_time);
        Assert.Equal((5, 10), (usual.AddRateLimited("a").TotalMilliseconds, usual.AddRateLimited("a").TotalMilliseconds));
        Assert.Equal(1000, Enumerable.Range(0, 100).Max(_ => usual.AddRateLimited("a").TotalSeconds));
    }

    [Fact]
    public async Task What_it_did_is_told_as_metrics()
    {
        using var queue = new WorkQueue<string>(_time);
        queue.Add("a");
        queue.Add("a");      // already there: no add
        queue.Add("b");
        _time.Advance(TimeSpan.FromMilliseconds(50));
        await queue.TakeAsync(default);
        queue.Add("a");      // again while it is worked on
        _time.Advance(TimeSpan.FromSeconds(2));
        queue.Done("a");
        queue.AddRateLimited("b");
        await queue.TakeAsync(default);
        _time.Advance(TimeSpan.FromSeconds(3));

        var metrics = new WorkQueueMetrics();
        queue.WriteTo(metrics, "deployment");
        var text = metrics.Text();
        foreach (var line in (string[])
        [
            "# TYPE workqueue_adds_total counter\nworkqueue_adds_total{name=\"deployment\"} 4\n",
            "workqueue_depth{name=\"deployment\"} 1\n",
            "workqueue_retries_total{name=\"deployment\"} 1\n",
            "workqueue_unfinished_work_seconds{name=\"deployment\"} 3\n",
            "workqueue_longest_running_processor_seconds{name=\"deployment\"} 3\n",
            "workqueue_queue_duration_seconds_bucket{name=\"deployment\",le=\"0.1\"} 1\n",
            "workqueue_queue_duration_seconds_count{name=\"deployment\"} 2\n",
            "workqueue_work_duration_seconds_bucket{name=\"deployment\",le=\"10\"} 1\n",
            "workqueue_work_duration_seconds_sum{name=\"deployment\"} 2\n",
        ]) Assert.Contains(line, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_stops_waiting_takes_nothing_away()
    {
        var permits = new Permits(0);
        using var stop = new CancellationTokenSource();
        var first = permits.TakeAsync(stop.Token);
        var second = permits.TakeAsync(default);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        permits.Release();
        await second;
        permits.Release();
        await permits.TakeAsync(default);
    }
}
