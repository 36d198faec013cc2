using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Tests;
using Bramble.Scheduler.Preemption;
using Bramble.Scheduler.State;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests.Preemption;

public sealed class PreemptorTests
{
    /// <summary>Which victims cannot be deleted; who is deleted, in their order; whether it is a success; what the Pod waits for afterwards.</summary>
    public static TheoryData<string, string, string, bool> Rounds => new()
    {
        { "", "a", "a", true },
        { "a", "a", "a", false },
        { "", "a b c", "a b c", true },
        // The last one stays when another one does: the Pod is tried again, and may not need its room.
        { "a", "a b c", "a b", false },
        { "c", "a b c", "a b c", false },
    };

    [Theory]
    [MemberData(nameof(Rounds))]
    public async Task The_last_one_goes_after_all_others(string fails, string victims, string asked, bool isDone)
    {
        var (api, seen, pods) = (new TestCluster(), new List<string>(), new List<PodInfo>());
        foreach (var name in victims.Split(' '))
        {
            var body = new JsonObject { ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "d" }, ["spec"] = new JsonObject { ["containers"] = new JsonArray() }, ["status"] = new JsonObject() };
            await api.CreateAsync(Resources.Pods, new("d", name), body, null, default);
            pods.Add(new PodInfo((await api.FindModelAsync(Resources.Pods, new("d", name), default))!));
        }
        api.Refuses = (verb, resource, name) =>
        {
            if (verb != "DELETE" || resource != Resources.Pods) return null;
            lock (seen) seen.Add(name.Name);
            return name.Name == fails ? StatusErrors.Internal("not now") : null;
        };
        var binder = new PodBinder(api, TimeProvider.System, NullLogger.Instance);
        await using var events = new EventRecorder(api, "s", "", TimeProvider.System, NullLoggerFactory.Instance);
        var preemptor = new Preemptor(api, binder, (_, _) => true, TimeProvider.System, NullLogger.Instance);
        Assert.Equal(isDone, await preemptor.PreemptAsync(Some.Pod("p", priority: 9), pods, "n", "s", events, new RunningPreemption(), default));
        Assert.Equal(asked, string.Join(' ', seen));
    }

    [Fact]
    public async Task A_victim_that_was_not_bound_yet_is_not_deleted_and_its_room_is_free_afterwards()
    {
        var (api, deleted) = (new TestCluster(), 0);
        api.Refuses = (verb, _, _) =>
        {
            if (verb == "DELETE") deleted++;
            return null;
        };
        await api.CreateAsync(Resources.Pods, new("d", "v"), JsonNode.Parse("""{"metadata":{"name":"v","namespace":"d"},"spec":{"containers":[]},"status":{}}""")!.AsObject(), null, default);
        var victim = new PodInfo((await api.FindModelAsync(Resources.Pods, new("d", "v"), default))!);
        var binder = new PodBinder(api, TimeProvider.System, NullLogger.Instance);
        await using var events = new EventRecorder(api, "s", "", TimeProvider.System, NullLoggerFactory.Instance);
        var hasNode = true;
        var preemptor = new Preemptor(api, binder, (_, _) => hasNode, TimeProvider.System, NullLogger.Instance);
        var pending = binder.Begin(victim);
        Task<bool> Preempt(string name) => preemptor.PreemptAsync(Some.Pod(name, priority: 9), [victim], "n", "s", events, new RunningPreemption(), default);
        // The second one chose it before its room was given back.
        Task<bool>[] both = [Preempt("p"), Preempt("q")];
        Assert.Equal("preempted by DefaultPreemption", pending.Why);
        Assert.False(pending.TryWrite());
        Assert.DoesNotContain(both, t => t.IsCompleted);
        hasNode = false;
        binder.End(victim, pending);
        Assert.All(await Task.WhenAll(both), Assert.True);
        // One that chose it and comes even later finds it without a node.
        Assert.True(await Preempt("r"));
        Assert.Equal(0, deleted);
    }

    [Fact]
    public async Task A_victim_whose_binding_is_being_written_is_deleted()
    {
        var binder = new PodBinder(new TestCluster(), TimeProvider.System, NullLogger.Instance);
        var pending = binder.Begin(Victim());
        Assert.True(pending.TryWrite());
        Assert.False(await binder.TryPreemptAsync(Victim(), default));
        Assert.Null(pending.Why);
    }

    public static TheoryData<string, V1Pod?, bool> Lasts => new()
    {
        { "it is there", Victim().Pod, true },
        { "it is gone", null, false },
        { "another has its name", Some.Pod("v", with: p => p.Metadata.Uid = "another").Pod, false },
        { "it is going", Some.Pod("v", with: p => p.Metadata.DeletionTimestamp = DateTime.UnixEpoch).Pod, false },
    };

    [Theory]
    [MemberData(nameof(Lasts))]
    public void A_Pod_is_held_back_until_the_last_of_its_victims_goes(string name, V1Pod? last, bool expected)
    {
        _ = name;
        var (running, pods) = (new RunningPreemption(), new SomeInformer<V1Pod>(Resources.Pods));
        Assert.True(running.HoldsBack(pods));
        if (last is not null) pods.Set(last);
        running.LastComes(Victim());
        Assert.Equal(expected, running.HoldsBack(pods));
    }

    private static PodInfo Victim() => Some.Pod("v");
}
