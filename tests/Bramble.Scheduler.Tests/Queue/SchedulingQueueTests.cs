using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using k8s.Models;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Scheduler.Tests.Queue;

public sealed class SchedulingQueueTests : IDisposable
{
    private static readonly IFilterPlugin[] Fit = [new NodeResourcesFit()];

    private readonly FakeTimeProvider _time = new();
    private readonly QueueMetrics _metrics = new();
    private readonly SchedulingQueue _queue;
    private QueueGate? _gate;

    public SchedulingQueueTests() => _queue = new SchedulingQueue(_time, BackOff.Default, p => p.IsGated ? QueueGate.SchedulingGates : _gate, _metrics);

    public void Dispose() => _queue.Dispose();

    [Fact]
    public async Task The_more_important_goes_first_then_the_older()
    {
        _queue.Add(Some.Pod("old"));
        _time.Advance(TimeSpan.FromSeconds(1));
        _queue.Add(Some.Pod("young"));
        _queue.Add(Some.Pod("important", priority: 1));
        Assert.Equal(["important", "old", "young"], [await Next(), await Next(), await Next()]);
        Assert.Null(await Next());
    }

    [Fact]
    public async Task A_refused_Pod_waits_for_what_its_rules_say_may_help()
    {
        await Refuse(Some.Pod("p", "2"));
        Assert.Null(await Next());
        _queue.Happened(new(ChangeKinds.NodeLabels, Some.Node("n", labels: []), Some.Node("n", labels: [])));
        Assert.Null(await Next());
        _queue.Happened(new(ChangeKinds.NodeAdded, null, Some.Node("n", cpu: "1")));
        Assert.Null(await Next());
        _queue.Happened(new(ChangeKinds.NodeAdded, null, Some.Node("n", cpu: "2")));
        Assert.Equal("p", await Next());
    }

    [Fact]
    public async Task What_happens_while_it_is_looked_at_counts()
    {
        var pod = Some.Pod("p", "2");
        _queue.Add(pod);
        Assert.Equal("p", await Next());
        _queue.Happened(new(ChangeKinds.PodRemoved, Some.Pod("x"), null));
        _queue.Refused(pod, Fit, WakeUps.Of(Fit[0]));
        Assert.Equal("p", await Next());
        _queue.Refused(pod, Fit, WakeUps.Of(Fit[0]));
        Assert.Null(await Next());
    }

    [Fact]
    public async Task A_busy_scheduler_lets_the_refused_back_off_and_an_idle_one_takes_them_at_once()
    {
        await Refuse(Some.Pod("p", "2"));
        _queue.Add(Some.Pod("q"));
        _queue.Happened(new(ChangeKinds.PodRemoved, Some.Pod("x"), null));
        Assert.Equal("q", await Next());
        Assert.Equal("p", await Next());
    }

    [Fact]
    public async Task After_an_error_only_time_helps_longer_each_time()
    {
        var pod = Some.Pod("p");
        _queue.Add(pod);
        foreach (var seconds in (int[])[1, 2, 4, 8, 10, 10])
        {
            Assert.Equal("p", await Next());
            _queue.Failed(pod);
            _queue.Happened(new(ChangeKinds.NodeAdded, null, Some.Node("n", labels: [])));
            _time.Advance(TimeSpan.FromSeconds(seconds));
            Assert.Null(await Next());
            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    [Fact]
    public async Task A_back_off_is_rounded_up_to_whole_seconds()
    {
        var pod = Some.Pod("p");
        _time.Advance(TimeSpan.FromMilliseconds(900));
        _queue.Add(pod);
        await Next();
        _queue.Failed(pod);
        _time.Advance(TimeSpan.FromMilliseconds(1099));
        Assert.Null(await Next());
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("p", await Next());
    }

    [Fact]
    public async Task A_Pod_that_waits_for_its_turn_need_not_be_activated()
    {
        var pod = Some.Pod("p");
        _queue.Add(pod);
        _queue.Activate(pod.Name);
        Assert.Equal("p", await Next());
        var text = new System.Text.StringBuilder();
        _metrics.Incoming.AppendTo(text);
        Assert.DoesNotContain("ForceActivate", text.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_five_minutes_it_is_tried_in_any_case()
    {
        await Refuse(Some.Pod("p"));
        _time.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        Assert.Null(await Next());
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("p", await Next());
    }

    [Fact]
    public async Task A_gated_Pod_waits_for_its_gates_only()
    {
        PodInfo Gated(params string[] gates) => Some.Pod("p", with: p => p.Spec.SchedulingGates = [.. gates.Select(g => new V1PodSchedulingGate { Name = g })]);
        var (both, one, none) = (Gated("a", "b"), Gated("a"), Gated());
        _queue.Add(both);
        _time.Advance(TimeSpan.FromHours(1));
        _queue.Happened(new(ChangeKinds.NodeAdded, null, Some.Node("n", labels: [])));
        Assert.Null(await Next());
        _queue.Update(both, one);
        Assert.Null(await Next());
        _queue.Update(one, none);
        Assert.Equal("p", await Next());
    }

    [Fact]
    public async Task A_change_of_the_Pod_itself_may_help_and_writes_to_its_status_do_not()
    {
        var pod = Some.Pod("p");
        _queue.Add(pod);
        await Next();
        IFilterPlugin[] taints = [new TaintToleration()];
        _queue.Refused(pod, taints, WakeUps.Of(taints[0]));
        var told = Some.Pod("p", with: p => p.Status.Conditions = [new V1PodCondition { Type = "PodScheduled", Status = "False" }]);
        _queue.Update(pod, told);
        Assert.Null(await Next());
        _queue.Update(told, Some.Pod("p", with: p => p.Spec.Tolerations = [new V1Toleration { OperatorProperty = "Exists" }]));
        Assert.Equal("p", await Next());
    }

    [Fact]
    public async Task A_Pod_that_went_is_not_given_out()
    {
        var pod = Some.Pod("p");
        _queue.Add(pod);
        _queue.Remove(pod.Name);
        Assert.Null(await Next());
        await Refuse(Some.Pod("q"));
        _queue.Remove(Some.Pod("q").Name);
        _time.Advance(TimeSpan.FromMinutes(6));
        Assert.Null(await Next());
    }

    [Fact]
    public async Task A_binding_that_failed_comes_back_and_one_that_held_does_not()
    {
        var (a, b) = (Some.Pod("a"), Some.Pod("b"));
        _queue.Add(a);
        _queue.Add(b);
        await Next();
        _queue.Binds(a);
        await Next();
        _queue.Binds(b);
        _queue.Remove(a.Name);
        _queue.Failed(b);
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal("b", await Next());
        Assert.Null(await Next());
    }

    [Fact]
    public async Task Taints_wake_the_Pods_of_every_rule_that_names_new_nodes()
    {
        await Refuse(Some.Pod("p", "2"));
        _queue.Happened(new(ChangeKinds.NodeTaints, Some.Node("n", cpu: "1"), Some.Node("n", cpu: "1")));
        Assert.Equal("p", await Next());
    }

    [Fact]
    public async Task While_victims_are_deleted_nothing_moves_a_Pod_and_afterwards_what_its_rules_name()
    {
        var pod = Some.Pod("p", "2", priority: 1);
        _queue.Add(pod);
        Assert.Equal("p", await Next());
        _gate = QueueGate.Preemption;
        _queue.Refused(pod, Fit, WakeUps.Of(Fit[0]));
        _queue.Happened(new(ChangeKinds.PodRemoved, Some.Pod("first"), null));
        Assert.Null(await Next());
        Assert.Equal((0, 1), (_queue.Lengths().Unschedulable, _queue.Lengths().Gated));
        // Held back by its victims it hears of Pods that go, of nothing else.
        _gate = null;
        _queue.Happened(new(ChangeKinds.NodeAdded, null, Some.Node("n", cpu: "2")));
        Assert.Null(await Next());
        _queue.Happened(new(ChangeKinds.PodRemoved, Some.Pod("last"), null));
        Assert.Equal("p", await Next());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_was_worth_a_try_while_victims_were_deleted_is_tried_when_that_is_over(bool happens)
    {
        var pod = Some.Pod("p", "2", priority: 1);
        _queue.Add(pod);
        Assert.Equal("p", await Next());
        _gate = QueueGate.Preemption;
        _queue.Refused(pod, Fit, WakeUps.Of(Fit[0]));
        if (happens) _queue.Happened(new(ChangeKinds.NodeAdded, null, Some.Node("n", cpu: "2")));
        Assert.Null(await Next());
        _gate = null;
        _queue.Preempted(pod.Name);
        Assert.Equal(happens ? "p" : null, await Next());
    }

    [Fact]
    public async Task To_be_held_back_is_no_attempt()
    {
        var pod = Some.Pod("p", "2", priority: 1);
        _queue.Add(pod);
        Assert.Equal("p", await Next());
        _gate = QueueGate.Preemption;
        _queue.Refused(pod, Fit, WakeUps.Of(Fit[0]));
        for (var i = 0; i < 5; i++) _queue.Happened(new(ChangeKinds.PodRemoved, Some.Pod("x"), null));
        _gate = null;
        _queue.Add(Some.Pod("busy"));
        _queue.Activate(pod.Name);
        Assert.Equal("p", await Next());
        Assert.Equal(2, _queue.Binds(pod)!.Attempts);
    }

    [Fact]
    public async Task A_preemption_that_was_forgotten_holds_nobody_for_more_than_five_minutes()
    {
        var pod = Some.Pod("p", "2", priority: 1);
        _queue.Add(pod);
        await Next();
        _gate = QueueGate.Preemption;
        _queue.Refused(pod, Fit, WakeUps.Of(Fit[0]));
        _queue.Happened(new(ChangeKinds.PodRemoved, Some.Pod("x"), null));
        _gate = null;
        _time.Advance(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(1));
        Assert.Equal("p", await Next());
    }

    [Fact]
    public async Task What_gates_a_Pod_again_keeps_it_from_backing_off_too()
    {
        var pod = Some.Pod("p", "2");
        await Refuse(pod);
        _gate = QueueGate.Claims;
        _queue.Happened(new(ChangeKinds.PodRemoved, Some.Pod("x"), null));
        Assert.Null(await Next());
        Assert.Equal((0, 1), (_queue.Lengths().BackingOff, _queue.Lengths().Gated));
        _gate = null;
        _queue.Happened(new(ChangeKinds.ResourceClaimAdded, null, new object()));
        Assert.Equal("p", await Next());
    }

    [Fact]
    public async Task A_Pod_that_is_activated_while_it_is_looked_at_is_tried_again()
    {
        var pod = Some.Pod("p", "2");
        _queue.Add(pod);
        await Next();
        _queue.Activate(pod.Name);
        _queue.Refused(pod, Fit, WakeUps.Of(Fit[0]));
        Assert.Equal("p", await Next());
        _queue.Refused(pod, Fit, WakeUps.Of(Fit[0]));
        Assert.Null(await Next());
    }

    [Fact]
    public async Task A_Pod_that_somebody_else_gave_a_node_is_left_alone()
    {
        var pod = Some.Pod("p", "2");
        _queue.Add(pod);
        await Next();
        _queue.Remove(pod.Name);
        _queue.Done(pod);
        _queue.Happened(new(ChangeKinds.PodRemoved, Some.Pod("x"), null));
        Assert.Null(await Next());
    }

    [Fact]
    public async Task A_Pods_time_runs_from_when_nothing_gates_it_and_not_from_when_it_is_looked_at()
    {
        PodInfo Gated(params string[] gates) => Some.Pod("p", with: p => p.Spec.SchedulingGates = [.. gates.Select(g => new V1PodSchedulingGate { Name = g })]);
        var (gated, free) = (Gated("a"), Gated());
        _queue.Add(gated);
        _time.Advance(TimeSpan.FromHours(1));
        _queue.Update(gated, free);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("p", await Next());
        _queue.Failed(free);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("p", await Next());
        var queued = _queue.Binds(free)!;
        Assert.Equal((2, TimeSpan.FromSeconds(10)), (queued.Attempts, _time.GetElapsedTime(queued.FirstActiveAt)));
    }

    [Fact]
    public async Task It_is_counted_who_comes_why_and_who_waits_for_whom()
    {
        await Refuse(Some.Pod("p", "2"));
        _queue.Add(Some.Pod("gated", with: p => p.Spec.SchedulingGates = [new V1PodSchedulingGate { Name = "a" }]));
        Assert.Equal(["default-scheduler/NodeResourcesFit 1", "default-scheduler/SchedulingGates 1"], _queue.Reasons().OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => $"{r.Key} {r.Value}"));
        _queue.Happened(new(ChangeKinds.PodRemoved, Some.Pod("x"), null));
        Assert.Equal("p", await Next());
        Assert.Equal(["default-scheduler/SchedulingGates 1"], _queue.Reasons().OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => $"{r.Key} {r.Value}"));
        var text = new System.Text.StringBuilder();
        _metrics.Incoming.AppendTo(text);
        Assert.Equal(
            [
                "{event=\"AssignedPodDelete\",queue=\"backoff\"} 1", "{event=\"PopFromBackoffQ\",queue=\"active\"} 1", "{event=\"ScheduleAttemptFailure\",queue=\"unschedulable\"} 1",
                "{event=\"UnschedulablePodAdd\",queue=\"active\"} 1", "{event=\"UnschedulablePodAdd\",queue=\"unschedulable\"} 1",
            ],
            text.ToString().Split('\n').Where(l => l.StartsWith("scheduler_", StringComparison.Ordinal)).Select(l => l["scheduler_queue_incoming_pods_total".Length..]));
    }

    private async Task Refuse(PodInfo pod)
    {
        _queue.Add(pod);
        Assert.Equal(pod.Name.Name, await Next());
        _queue.Refused(pod, Fit, WakeUps.Of(Fit[0]));
    }

    private async Task<string?> Next()
    {
        using var stop = new CancellationTokenSource();
        var next = _queue.TakeAsync(stop.Token).AsTask();
        if (!next.IsCompleted) await stop.CancelAsync();
        try
        {
            return (await next).Name.Name;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}
