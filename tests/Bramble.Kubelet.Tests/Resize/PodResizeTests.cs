using System.Text.Json.Nodes;
using Bramble.Kubelet.Cgroups;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Resize;
using k8s.Models;
using static Bramble.Kubelet.Tests.Pods.Make;

namespace Bramble.Kubelet.Tests.Resize;

public sealed class PodResizeTests
{
    private static readonly DateTime Now = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    // Requests and limits as "cpu/memory cpu/memory"; a dash: none.
    private static V1Pod Pod(string resources, long generation = 1, params V1ContainerResizePolicy[] policies)
    {
        var c = Container("c");
        c.Resources = Resources(resources);
        c.ResizePolicy = policies;
        var pod = Tests.Pods.Make.Pod(containers: c);
        pod.Metadata.Generation = generation;
        return pod;
    }

    private static V1ResourceRequirements Resources(string text)
    {
        var (requests, limits) = (text.Split(' ')[0], text.Split(' ')[1]);
        return new() { Requests = Amounts(requests), Limits = Amounts(limits) };

        static Dictionary<string, ResourceQuantity>? Amounts(string text)
        {
            var (cpu, memory) = (text.Split('/')[0], text.Split('/')[1]);
            var amounts = new Dictionary<string, ResourceQuantity>();
            if (cpu != "-") amounts["cpu"] = new(cpu);
            if (memory != "-") amounts["memory"] = new(memory);
            return amounts.Count == 0 ? null : amounts;
        }
    }

    private static string Shown(V1Pod pod) => PodStatusTree.Resources(pod.Spec.Containers[0].Resources).ToJsonString();

    [Fact]
    public void What_the_node_has_not_given_does_not_count_yet()
    {
        var resize = new PodResize(Pod("1/1Gi 2/2Gi"));
        Assert.Null(resize.Desired);
        resize.Update(Pod("3/1Gi 3/2Gi", 2));
        Assert.Equal(Shown(Pod("1/1Gi 2/2Gi")), Shown(resize.Allocated));
        Assert.Equal(2, resize.Allocated.Metadata.Generation);
        Assert.Equal(Shown(Pod("3/1Gi 3/2Gi")), Shown(resize.Desired!));

        Assert.True(resize.Allocate(Now));
        Assert.Null(resize.Desired);
        Assert.Equal(Shown(Pod("3/1Gi 3/2Gi")), Shown(resize.Allocated));
        Assert.False(resize.Allocate(Now));
    }

    [Fact]
    public void A_wish_that_is_taken_back_leaves_nothing()
    {
        var resize = new PodResize(Pod("1/1Gi 2/2Gi"));
        resize.Update(Pod("9/1Gi 9/2Gi", 2));
        Assert.True(resize.Defer("no room", Now));
        Assert.False(resize.Defer("no room", Now));
        Assert.False(resize.Defer("less room", Now));
        Assert.Equal("PodResizePending True Deferred less room 2", Conditions(resize));
        resize.Update(Pod("9/1Gi 9/2Gi", 3));
        Assert.True(resize.Defer("no room", Now));
        resize.Update(Pod("1/1Gi 2/2Gi", 4));
        Assert.Null(resize.Desired);
        Assert.Equal("", Conditions(resize));
        Assert.False(resize.IsUnderWay);
    }

    [Fact]
    public void Running_containers_show_what_they_have_until_they_have_more()
    {
        var resize = new PodResize(Pod("1/1Gi 2/2Gi"));
        resize.Update(Pod("1/2Gi 2/3Gi", 2));
        resize.Allocate(Now);
        Assert.Equal("PodResizeInProgress True   2", Conditions(resize));
        Assert.True(resize.IsUnderWay);
        Assert.Equal(3L << 30, resize.Limits.MemoryBytes);

        var step = Assert.Single(resize.Decide(Observed(Running("c"))));
        Assert.Equal((1L << 30, 2L << 30, 2L << 30, 3L << 30), ((long)step.From.MemoryRequest, (long)step.To.MemoryRequest, (long)step.From.MemoryLimit, (long)step.To.MemoryLimit));
        var status = Status();
        resize.AddTo(status);
        Assert.Equal("2Gi", status.ContainerStatuses[0].Resources.Limits["memory"].ToString());

        Assert.True(resize.Fail("the runtime is away", Now));
        Assert.False(resize.Fail("the runtime is away", Now));
        Assert.Equal("PodResizeInProgress True Error the runtime is away 2", Conditions(resize));

        resize.IsInForce("c");
        Assert.Empty(resize.Decide(Observed(Running("c"))));
        Assert.Equal(2, resize.Complete());
        Assert.Null(resize.Complete());
        Assert.Equal("", Conditions(resize));
        Assert.False(resize.IsUnderWay);
    }

    [Fact]
    public void A_second_wish_starts_from_what_the_container_has()
    {
        var resize = new PodResize(Pod("1/1Gi 1/1Gi"));
        resize.Update(Pod("2/1Gi 2/1Gi", 2));
        resize.Allocate(Now);
        resize.Update(Pod("3/1Gi 3/1Gi", 3));
        resize.Allocate(Now);
        var step = Assert.Single(resize.Decide(Observed(Running("c"))));
        Assert.Equal((1m, 3m), (step.From.CpuLimit, step.To.CpuLimit));
        // Back to the beginning: there is nothing to do at the container.
        resize.Update(Pod("1/1Gi 1/1Gi", 4));
        resize.Allocate(Now);
        Assert.Empty(resize.Decide(Observed(Running("c"))));
        Assert.Equal(4, resize.Complete());
    }

    [Fact]
    public void A_container_that_does_not_run_starts_with_the_new_resources()
    {
        var resize = new PodResize(Pod("1/1Gi 1/1Gi"));
        resize.Update(Pod("2/1Gi 2/1Gi", 2));
        resize.Allocate(Now);
        Assert.Empty(resize.Decide(Observed(Exited("c"))));
        Assert.Empty(resize.Decide(Observed(Running("c"))));
    }

    [Fact]
    public void After_a_start_of_the_node_the_status_tells_what_was_given()
    {
        var pod = Pod("3/1Gi 3/2Gi", 5);
        pod.Status = Status();
        pod.Status.StartTime = Now;
        pod.Status.ContainerStatuses[0].Resources = Resources("1/1Gi 2/2Gi");
        pod.Status.Conditions = [new() { Type = "PodResizePending", Status = "True", Reason = "Deferred", Message = "no room", ObservedGeneration = 5 }];
        var resize = new PodResize(pod);
        Assert.Equal(Shown(Pod("1/1Gi 2/2Gi")), Shown(resize.Allocated));
        Assert.NotNull(resize.Desired);
        Assert.False(resize.Defer("no room", Now));
        Assert.Equal("PodResizePending True Deferred no room 5", Conditions(resize));

        var isNew = Pod("3/1Gi 3/2Gi");
        Assert.Null(new PodResize(isNew).Desired);
    }

    [Fact]
    public void Limits_that_become_less_fit_both_until_it_is_done()
    {
        var resize = new PodResize(Pod("1/1Gi 2/2Gi"));
        resize.Update(Pod("1/1Gi 1/1Gi", 2));
        Assert.Null(resize.LoweredMemoryLimit);
        resize.Allocate(Now);
        Assert.Equal(1L << 30, resize.LoweredMemoryLimit);
        Assert.Equal((2L << 30, 200_000L), (resize.Limits.MemoryBytes, resize.Limits.QuotaMicroseconds));
        resize.IsInForce("c");
        resize.Complete();
        Assert.Equal((1L << 30, 100_000L), (resize.Limits.MemoryBytes, resize.Limits.QuotaMicroseconds));
        Assert.Equal(0, new PodCgroupLimits(2, 0, 5).Max(new(3, 7, 0)).QuotaMicroseconds + new PodCgroupLimits(2, 0, 5).Max(new(3, 7, 0)).MemoryBytes);
    }

    public static TheoryData<string, string, string, string, bool?> Policies => new()
    {
        // before, after, the policy of cpu, the policy of memory, restarted (null: nothing changes)
        { "1/1Gi 1/1Gi", "2/1Gi 2/1Gi", "NotRequired", "RestartContainer", false },
        { "1/1Gi 1/1Gi", "1/2Gi 1/2Gi", "NotRequired", "RestartContainer", true },
        { "1/1Gi 1/1Gi", "2/2Gi 2/2Gi", "NotRequired", "RestartContainer", true },
        { "1/1Gi 2/2Gi", "1/2Gi 2/2Gi", "NotRequired", "RestartContainer", true },
        { "1/1Gi 1/1Gi", "2/2Gi 2/2Gi", "NotRequired", "NotRequired", false },
        { "1/1Gi 1/1Gi", "1000m/1024Mi 1/1Gi", "RestartContainer", "RestartContainer", null },
    };

    [Theory]
    [MemberData(nameof(Policies))]
    public void The_policy_of_what_changes_says_whether_it_restarts(string before, string after, string cpu, string memory, bool? restarted)
    {
        var now = Pod(after, 2, new() { ResourceName = "cpu", RestartPolicy = cpu }, new() { ResourceName = "memory", RestartPolicy = memory });
        var step = ContainerResize.Decide(now, now.Spec.Containers[0], "id-c", Pod(before));
        Assert.Equal(restarted, step?.IsByRestart);
        if (step is null) return;
        var actions = PodActions.Decide(now, Observed(Running("c")), _ => default, [step]);
        Assert.Equal(restarted == true ? "c|Container c resize requires restart" : "|", $"{string.Join(",", actions.ToStart)}|{string.Join(",", actions.ToKill.Select(k => k.Message))}");
    }

    [Fact]
    public void The_pods_own_limit_is_the_limit_of_a_container_without_one()
    {
        var (before, after) = (Pod("1/1Gi -/-"), Pod("1/1Gi -/-", 2));
        before.Spec.Resources = Resources("1/1Gi 2/2Gi");
        after.Spec.Resources = Resources("1/1Gi 2/3Gi");
        Assert.False(PodAllocation.IsSame(before, after));
        var step = ContainerResize.Decide(after, after.Spec.Containers[0], "id-c", before)!;
        Assert.Equal((2L << 30, 3L << 30), ((long)step.From.MemoryLimit, (long)step.To.MemoryLimit));
        Assert.False(step.IsShrinking);
        Assert.False(step.IsMemoryLimitLowered);
    }

    [Fact]
    public void Wishes_are_decided_in_upstreams_order()
    {
        var less = ResizeOrder.Rank(Pod("2/1Gi 2/1Gi"), Pod("1/1Gi 1/1Gi"), null);
        var important = Pod("3/1Gi 4/1Gi");
        important.Spec.Priority = 10;
        var high = ResizeOrder.Rank(Pod("2/1Gi 4/1Gi"), important, null);
        var guaranteed = ResizeOrder.Rank(Pod("2/1Gi 2/1Gi"), Pod("3/1Gi 3/1Gi"), null);
        var old = ResizeOrder.Rank(Pod("2/1Gi 4/1Gi"), Pod("3/1Gi 4/1Gi"), Now);
        var young = ResizeOrder.Rank(Pod("2/1Gi 4/1Gi"), Pod("3/1Gi 4/1Gi"), null);
        Assert.Equal([less, high, guaranteed, old, young], new[] { young, old, guaranteed, high, less }.Order());
    }

    [Fact]
    public void The_status_tells_of_the_pod_as_a_whole()
    {
        var pod = Pod("100m/100Mi 200m/200Mi");
        var (side, init) = (Container("s", "Always"), Container("i"));
        (side.Resources, init.Resources) = (Resources("50m/10Mi 100m/20Mi"), Resources("20m/500Mi 100m/600Mi"));
        pod.Spec.InitContainers = [side, init];
        pod.Spec.Overhead = new Dictionary<string, ResourceQuantity> { ["cpu"] = new("10m") };
        Assert.Equal("""{"allocatedResources":{"cpu":"160m","memory":"510Mi"},"resources":{"limits":{"cpu":"310m","memory":"620Mi"},"requests":{"cpu":"160m","memory":"510Mi"}}}""", Whole(pod));
        pod.Status = new() { Phase = "Running" };
        Assert.Equal("""{"allocatedResources":{"cpu":"160m","memory":"510Mi"},"resources":{"limits":{"cpu":"310m","memory":"620Mi"},"requests":{"cpu":"160m","memory":"510Mi"}}}""", Whole(pod));

        pod.Spec.Resources = Resources("1/1G 2/2Gi");
        Assert.Equal("""{"allocatedResources":{"cpu":"1010m","memory":"1G"},"resources":{"limits":{"cpu":"2010m","memory":"2Gi"},"requests":{"cpu":"1010m","memory":"1G"}}}""", Whole(pod));
        Assert.Equal("""{"resources":{}}""", Whole(Tests.Pods.Make.Pod()));

        static string Whole(V1Pod pod)
        {
            var status = new V1PodStatus();
            PodResourcesStatus.AddTo(status, pod, pod);
            var tree = PodStatusTree.Of(status);
            return new JsonObject(tree.Where(p => p.Key is "resources" or "allocatedResources").Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone()))).ToJsonString();
        }
    }

    [Fact]
    public void Events_tell_what_is_wanted()
    {
        var pod = Pod("100m/100 100m/-");
        var side = Container("s", "Always");
        pod.Spec.InitContainers = [side];
        Assert.Equal(
            """Pod resize error: {"initContainers":[{"name":"s","resources":{}}],"containers":[{"name":"c","resources":{"limits":{"cpu":"100m"},"requests":{"cpu":"100m","memory":"100"}}}],"generation":3,"error":"a \"b\" <c>"}""",
            ResizeMessage.Of("Pod resize error", pod, 3, "a \"b\" <c>"));
    }

    [Fact]
    public void A_condition_that_has_passed_is_taken_away_and_others_stay()
    {
        var current = (JsonObject)JsonNode.Parse("""{"conditions":[{"type":"Ready","status":"True"},{"type":"PodResizePending","status":"True"},{"type":"example.com/gate","status":"True"}]}""")!;
        var wanted = (JsonObject)JsonNode.Parse("""{"conditions":[{"type":"Ready","status":"True"}]}""")!;
        Assert.Equal("""[{"type":"PodResizePending","$patch":"delete"}]""", PodStatusPatch.Decide(current, wanted, "u")!["status"]!["conditions"]!.ToJsonString());
    }

    private static V1PodStatus Status() => new()
    {
        Conditions = [],
        ContainerStatuses = [new() { Name = "c", State = new() { Running = new() }, Resources = Resources("9/9Gi 9/9Gi") }],
    };

    private static string Conditions(PodResize resize)
    {
        var status = Status();
        resize.AddTo(status);
        return string.Join(", ", status.Conditions.Select(c => $"{c.Type} {c.Status} {c.Reason} {c.Message} {c.ObservedGeneration}"));
    }
}
