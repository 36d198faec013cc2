using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Tests;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests;

/// <summary>The whole scheduler on the storage semantics of the API, with the rights of system:kube-scheduler and nothing else.</summary>
public sealed class SchedulerLoopTests : IAsyncLifetime
{
    private readonly TestCluster _api = new();
    private readonly ConcurrentBag<string> _forbidden = [];
    private readonly CancellationTokenSource _stop = new();
    private Informers _informers = null!;
    private SchedulerLoop _loop = null!;
    private Task _running = Task.CompletedTask;

    public ValueTask InitializeAsync()
    {
        var scheduler = new RoleCheckedClient(_api, "system:kube-scheduler", RoleCheckedClient.RulesOf("system:kube-scheduler", "system:volume-scheduler", "system:basic-user"), _forbidden);
        // The informers are the scheduler's own here: what it reads it must be allowed to read.
        _informers = new Informers(scheduler, TimeProvider.System, NullLoggerFactory.Instance);
        _loop = new SchedulerLoop(scheduler, _informers, TimeProvider.System, NullLoggerFactory.Instance, random: new Random(1));
        _running = _loop.RunAsync(_stop.Token);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _informers.DisposeAsync();
        _stop.Dispose();
        Assert.Empty(_forbidden.Distinct());
    }

    [Fact]
    public async Task A_Pod_gets_a_node_and_an_event_says_so()
    {
        await NodeAsync("n1");
        await PodAsync("p");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
        await EventuallyAsync(async () => await EventAsync("Scheduled") is { Message: "Successfully assigned d/p to n1", Action: "Binding", ReportingComponent: "default-scheduler", Type: "Normal" } e
            && e.ReportingInstance == $"default-scheduler-{Environment.MachineName}");
    }

    [Fact]
    public async Task Attempts_are_counted_under_upstreams_names()
    {
        Assert.Contains("scheduler_preemption_attempts_total 0\n", _loop.Metrics(), StringComparison.Ordinal);
        await NodeAsync("n1");
        await PodAsync("large", cpu: "100");
        await PodAsync("p");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
        string[] expected =
        [
            "scheduler_pending_pods{queue=\"unschedulable\"} 1\n",
            "scheduler_preemption_victims_count 0\n",
            "scheduler_schedule_attempts_total{profile=\"default-scheduler\",result=\"scheduled\"} 1\n",
            "scheduler_schedule_attempts_total{profile=\"default-scheduler\",result=\"unschedulable\"} ",
            "scheduler_scheduling_attempt_duration_seconds_bucket{profile=\"default-scheduler\",result=\"scheduled\",le=\"16.384\"} 1\n",
            "scheduler_pod_scheduling_attempts_bucket{le=\"1\"} 1\n",
            "scheduler_pod_scheduling_sli_duration_seconds_count{attempts=\"1\"} 1\n",
            "scheduler_framework_extension_point_duration_seconds_count{extension_point=\"Filter\",profile=\"default-scheduler\",status=\"Success\"} ",
            "scheduler_framework_extension_point_duration_seconds_count{extension_point=\"PostFilter\",profile=\"default-scheduler\",status=\"Unschedulable\"} ",
            "scheduler_framework_extension_point_duration_seconds_count{extension_point=\"Bind\",profile=\"default-scheduler\",status=\"Success\"} 1\n",
            "scheduler_plugin_execution_duration_seconds_bucket{extension_point=\"Filter\",plugin=\"NodeResourcesFit\",status=\"UnschedulableAndUnresolvable\",le=\"1e-05\"} ",
            "scheduler_plugin_evaluation_total{extension_point=\"Filter\",plugin=\"NodeResourcesFit\",profile=\"default-scheduler\"} ",
            "scheduler_queue_incoming_pods_total{event=\"UnschedulablePodAdd\",queue=\"active\"} 2\n",
            "scheduler_queue_incoming_pods_total{event=\"ScheduleAttemptFailure\",queue=\"unschedulable\"} ",
            "scheduler_unschedulable_pods{plugin=\"NodeResourcesFit\",profile=\"default-scheduler\"} 1\n",
            "scheduler_cache_size{type=\"nodes\"} 1\n",
            "scheduler_goroutines{operation=\"binding\"} 0\n",
        ];
        await EventuallyAsync(() => Task.FromResult(expected.All(line => _loop.Metrics().Contains(line, StringComparison.Ordinal))), () => Task.FromResult(_loop.Metrics()));
    }

    [Fact]
    public async Task Why_a_Pod_waits_is_in_its_condition_and_an_event_and_a_node_that_fits_ends_it()
    {
        const string Message = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.";
        await NodeAsync("small", cpu: "1");
        await NodeAsync("tainted", spec: """{"taints":[{"key":"k","effect":"NoSchedule"}]}""");
        await PodAsync("p", cpu: "2");
        await EventuallyAsync(async () => Condition(await Pod("p")) is { Status: "False", Reason: "Unschedulable", Message: Message, ObservedGeneration: 1 });
        await EventuallyAsync(async () => await EventAsync("FailedScheduling", Message) is { Type: "Warning", Action: "Scheduling" });
        await NodeAsync("large");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "large");
    }

    [Fact]
    public async Task Without_any_node()
    {
        await PodAsync("p");
        await EventuallyAsync(async () => Condition(await Pod("p"))?.Message == "no nodes available to schedule pods");
        await NodeAsync("n1");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
    }

    [Fact]
    public async Task A_missing_claim_is_named_and_when_it_comes_the_Pod_goes_on()
    {
        await NodeAsync("n1");
        await PodAsync("p", with: p => p["spec"]!["volumes"] = JsonNode.Parse("""[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]"""));
        await EventuallyAsync(async () => Condition(await Pod("p"))?.Message
            == "0/1 nodes are available: persistentvolumeclaim \"data\" not found. not found");
        await CreateAsync(Resources.PersistentVolumeClaims, "d", """{"metadata":{"name":"data","namespace":"d"},"spec":{"storageClassName":"none"}}""");
        await EventuallyAsync(async () => Condition(await Pod("p"))?.Message.StartsWith("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", StringComparison.Ordinal) == true);
    }

    [Fact]
    public async Task Gates_hold_a_Pod_back_until_they_are_gone()
    {
        await NodeAsync("n1");
        await PodAsync("gated", with: p => p["spec"]!["schedulingGates"] = JsonNode.Parse("""[{"name":"a"}]"""));
        await PodAsync("free");
        await EventuallyAsync(async () => (await Pod("free")).Spec.NodeName == "n1");
        Assert.Null((await Pod("gated")).Spec.NodeName);
        await _api.ChangeAsync(Resources.Pods, new("d", "gated"), p => p["spec"]!.AsObject().Remove("schedulingGates"));
        await EventuallyAsync(async () => (await Pod("gated")).Spec.NodeName == "n1");
    }

    [Fact]
    public async Task A_more_important_Pod_takes_the_place_of_a_less_important_one()
    {
        await NodeAsync("n1", cpu: "2");
        await PodAsync("low", cpu: "2", with: p =>
        {
            p["spec"]!["priority"] = 1;
            p["metadata"]!["finalizers"] = new JsonArray("test/stay");
        });
        await EventuallyAsync(async () => (await Pod("low")).Spec.NodeName == "n1");
        await PodAsync("high", cpu: "2", with: p => p["spec"]!["priority"] = 10);
        await EventuallyAsync(async () => (await Pod("low")).IsBeingDeleted());
        var low = await Pod("low");
        Assert.Contains(low.Status.Conditions, c => c is { Type: "DisruptionTarget", Status: "True", Reason: "PreemptionByScheduler", Message: "default-scheduler: preempting to accommodate a higher priority pod" });
        await EventuallyAsync(async () => (await Pod("high")) is { Status.NominatedNodeName: "n1" } high && Condition(high)?.Message == "0/1 nodes are available: 1 Insufficient cpu.");
        var uid = (await Pod("high")).Metadata.Uid;
        await EventuallyAsync(async () => (await EventAsync("Preempted"))?.Message == $"Preempted by pod {uid} on node n1" && (await EventAsync("Preempted"))!.Related?.Name == "high");
        Assert.Null((await Pod("high")).Spec.NodeName);

        // Another of the same importance must not take the room that is being made.
        await PodAsync("rival", cpu: "2", with: p => p["spec"]!["priority"] = 10);
        await EventuallyAsync(async () => Condition(await Pod("rival")) is not null);
        await _api.ChangeAsync(Resources.Pods, new("d", "low"), p => p["metadata"]!.AsObject().Remove("finalizers"));
        await _api.DeleteAsync(Resources.Pods, new("d", "low"), new DeleteQuery(), default);
        await EventuallyAsync(async () => (await Pod("high")).Spec.NodeName == "n1");
        Assert.Null((await Pod("rival")).Spec.NodeName);
    }

    [Fact]
    public async Task A_victim_that_could_not_be_deleted_is_tried_again()
    {
        var refusals = 0;
        await NodeAsync("n1", cpu: "2");
        await PodAsync("low", cpu: "2", with: p => p["spec"]!["priority"] = 1);
        await EventuallyAsync(async () => (await Pod("low")).Spec.NodeName == "n1");
        _api.Refuses = (verb, resource, name) => verb == "DELETE" && resource == Resources.Pods && name.Name == "low" && refusals++ < 2 ? StatusErrors.Internal("not now") : null;
        await PodAsync("high", cpu: "2", with: p => p["spec"]!["priority"] = 10);
        await EventuallyAsync(async () => (await Pod("high")).Spec.NodeName == "n1");
        Assert.Equal(3, refusals);
        Assert.Contains("scheduler_preemption_goroutines_execution_total{result=\"error\"} 2\n", _loop.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_victim_that_waits_for_its_volume_is_not_deleted_but_sent_on()
    {
        await NodeAsync("n1");
        await CreateAsync(Resources.StorageClasses, "", """{"metadata":{"name":"slow"},"provisioner":"example.com/p","volumeBindingMode":"WaitForFirstConsumer"}""");
        await CreateAsync(Resources.PersistentVolumeClaims, "d", """{"metadata":{"name":"data","namespace":"d"},"spec":{"storageClassName":"slow","resources":{"requests":{"storage":"1Gi"}}}}""");
        await PodAsync("low", cpu: "4", with: p =>
        {
            p["spec"]!["priority"] = 1;
            p["spec"]!["volumes"] = JsonNode.Parse("""[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]""");
        });
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.PersistentVolumeClaims, new("d", "data"), default))!.Metadata.Annotations?["volume.kubernetes.io/selected-node"] == "n1");
        await PodAsync("high", cpu: "4", with: p => p["spec"]!["priority"] = 10);
        await EventuallyAsync(async () => (await Pod("high")).Spec.NodeName == "n1");
        var uid = (await Pod("high")).Metadata.Uid;
        await EventuallyAsync(async () => await EventAsync("Preempted", $"Preempted by pod {uid} on node n1 (in kube-scheduler memory).") is not null);
        await EventuallyAsync(async () => await EventAsync("FailedScheduling", "running PreBind plugin \"VolumeBinding\": preempted by DefaultPreemption") is not null);
        var low = await Pod("low");
        Assert.Equal((false, null), (low.IsBeingDeleted(), low.Spec.NodeName));
        Assert.DoesNotContain(low.Status.Conditions, c => c.Type == "DisruptionTarget");
        await EventuallyAsync(async () => (await Pod("low")).Status.NominatedNodeName is null);
    }

    [Fact]
    public async Task A_Pod_that_goes_while_it_waits_for_its_volume_leaves_its_room_to_others_at_once()
    {
        await NodeAsync("n1");
        await CreateAsync(Resources.StorageClasses, "", """{"metadata":{"name":"slow"},"provisioner":"example.com/p","volumeBindingMode":"WaitForFirstConsumer"}""");
        await CreateAsync(Resources.PersistentVolumeClaims, "d", """{"metadata":{"name":"data","namespace":"d"},"spec":{"storageClassName":"slow","resources":{"requests":{"storage":"1Gi"}}}}""");
        await PodAsync("first", cpu: "4", with: p =>
        {
            p["metadata"]!["finalizers"] = new JsonArray("test/stay");
            p["spec"]!["volumes"] = JsonNode.Parse("""[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]""");
        });
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.PersistentVolumeClaims, new("d", "data"), default))!.Metadata.Annotations?["volume.kubernetes.io/selected-node"] == "n1");
        await PodAsync("second", cpu: "4");
        await EventuallyAsync(async () => Condition(await Pod("second")) is not null);
        await _api.DeleteAsync(Resources.Pods, new("d", "first"), new DeleteQuery(), default);
        await EventuallyAsync(async () => (await Pod("second")).Spec.NodeName == "n1");
        await EventuallyAsync(async () => await EventAsync("FailedScheduling", "skip schedule deleting pod: d/first") is not null);
    }

    [Fact]
    public async Task Room_that_was_kept_for_a_Pod_that_goes_is_others_also_where_its_status_could_not_say_so()
    {
        await NodeAsync("n1", cpu: "4");
        await PodAsync("low", cpu: "3", with: p => (p["spec"]!["priority"], p["metadata"]!["finalizers"]) = (1, new JsonArray("test/stay")));
        await EventuallyAsync(async () => (await Pod("low")).Spec.NodeName == "n1");
        _api.Refuses = (verb, resource, name) => verb == "PATCH" && resource == Resources.Pods && name.Name == "high" ? StatusErrors.Conflict(Resources.Pods.GroupResource, "high", "not now") : null;
        await PodAsync("high", cpu: "3", with: p => p["spec"]!["priority"] = 10);
        await EventuallyAsync(async () => (await Pod("low")).IsBeingDeleted());
        await PodAsync("mid", cpu: "1", with: p => p["spec"]!["priority"] = 5);
        await EventuallyAsync(async () => Condition(await Pod("mid")) is not null);
        Assert.Null((await Pod("high")).Status.NominatedNodeName);
        await _api.DeleteAsync(Resources.Pods, new("d", "high"), new DeleteQuery(), default);
        await EventuallyAsync(async () => (await Pod("mid")).Spec.NodeName == "n1");
    }

    [Fact]
    public async Task What_another_scheduler_nominated_takes_no_room()
    {
        await NodeAsync("n1", cpu: "2");
        await PodAsync("other", cpu: "2", with: p => (p["spec"]!["schedulerName"], p["spec"]!["priority"], p["status"]!["nominatedNodeName"]) = ("mine", 10, "n1"));
        await PodAsync("own", cpu: "2", with: p => p["spec"]!["priority"] = 1);
        await EventuallyAsync(async () => (await Pod("own")).Spec.NodeName == "n1");
    }

    [Fact]
    public async Task A_Pod_that_fails_with_an_error_takes_no_room_where_it_was_nominated()
    {
        await NodeAsync("n1", cpu: "2");
        await SliceAsync("n1", """{"name":"g0"}""");
        await CreateAsync(Resources.DeviceClasses, "", """{"metadata":{"name":"gpu"},"spec":{"selectors":[{"cel":{"expression":"device.attributes['d.example.com'].missing == 1"}}]}}""");
        await CreateAsync(Resources.ResourceClaims, "d", """{"metadata":{"name":"one","namespace":"d"},"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu"}}]}}}""");
        // What is known here must do: the status goes on naming the node.
        _api.Refuses = (verb, resource, name) => verb == "PATCH" && resource == Resources.Pods && name.Name == "high" ? StatusErrors.Internal("not now") : null;
        await PodAsync("high", cpu: "2", with: p =>
        {
            (p["spec"]!["priority"], p["status"]!["nominatedNodeName"]) = (10, "n1");
            p["spec"]!["resourceClaims"] = JsonNode.Parse("""[{"name":"g","resourceClaimName":"one"}]""");
        });
        await EventuallyAsync(async () => await EventAsync("FailedScheduling") is { InvolvedObject.Name: "high" });
        await PodAsync("low", cpu: "2", with: p => p["spec"]!["priority"] = 1);
        await EventuallyAsync(async () => (await Pod("low")).Spec.NodeName == "n1", async () => Condition(await Pod("low"))?.Message ?? "");
        Assert.Equal("n1", (await Pod("high")).Status.NominatedNodeName);
    }

    [Fact]
    public async Task A_status_that_the_API_could_not_write_is_written_again()
    {
        var refusals = 0;
        _api.Refuses = (verb, resource, _) => verb == "PATCH" && resource == Resources.Pods && refusals++ < 3 ? StatusErrors.Internal("not now") : null;
        await NodeAsync("n1", cpu: "1");
        await PodAsync("p", cpu: "2");
        await EventuallyAsync(async () => Condition(await Pod("p")) is { Reason: "Unschedulable" });
        Assert.Equal(4, refusals);
    }

    [Fact]
    public async Task A_binding_that_gets_lost_is_told_in_the_binders_name()
    {
        await PodAsync("p");
        await EventuallyAsync(async () => Condition(await Pod("p")) is not null);
        var losses = 0;
        _api.Refuses = (verb, resource, _) => verb == "CREATE" && resource == Resources.Pods && losses++ == 0 ? throw new IOException("connection reset") : null;
        await NodeAsync("n1");
        await EventuallyAsync(async () => await EventAsync("FailedScheduling", "running Bind plugin \"DefaultBinder\": connection reset") is not null);
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
    }

    [Fact]
    public async Task A_volume_is_waited_for_also_where_its_node_could_not_be_told()
    {
        _api.Refuses = (verb, resource, _) => verb == "PATCH" && resource == Resources.Pods ? throw new IOException("connection reset") : null;
        await NodeAsync("n1");
        await CreateAsync(Resources.StorageClasses, "", """{"metadata":{"name":"slow"},"provisioner":"example.com/p","volumeBindingMode":"WaitForFirstConsumer"}""");
        await CreateAsync(Resources.PersistentVolumeClaims, "d", """{"metadata":{"name":"data","namespace":"d"},"spec":{"storageClassName":"slow","resources":{"requests":{"storage":"1Gi"}}}}""");
        await PodAsync("p", with: p => p["spec"]!["volumes"] = JsonNode.Parse("""[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]"""));
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.PersistentVolumeClaims, new("d", "data"), default))!.Metadata.Annotations?["volume.kubernetes.io/selected-node"] == "n1");
    }

    [Fact]
    public async Task PreemptionPolicy_Never()
    {
        await NodeAsync("n1", cpu: "2");
        await PodAsync("low", cpu: "2");
        await EventuallyAsync(async () => (await Pod("low")).Spec.NodeName == "n1");
        await PodAsync("high", cpu: "2", with: p => (p["spec"]!["priority"], p["spec"]!["preemptionPolicy"]) = (10, "Never"));
        await EventuallyAsync(async () => Condition(await Pod("high"))?.Message == "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.");
    }

    [Fact]
    public async Task A_claim_that_waits_for_its_first_Pod_gets_the_node_and_the_Pod_waits_for_the_volume()
    {
        await NodeAsync("n1");
        await CreateAsync(Resources.StorageClasses, "", """{"metadata":{"name":"slow"},"provisioner":"example.com/p","volumeBindingMode":"WaitForFirstConsumer"}""");
        await CreateAsync(Resources.PersistentVolumeClaims, "d", """{"metadata":{"name":"data","namespace":"d"},"spec":{"storageClassName":"slow","resources":{"requests":{"storage":"1Gi"}}}}""");
        await PodAsync("p", with: p => p["spec"]!["volumes"] = JsonNode.Parse("""[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]"""));
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.PersistentVolumeClaims, new("d", "data"), default))!.Metadata.Annotations?["volume.kubernetes.io/selected-node"] == "n1");
        Assert.Equal(("n1", null), ((await Pod("p")).Status.NominatedNodeName, (await Pod("p")).Spec.NodeName));
        await CreateAsync(Resources.PersistentVolumes, "", """{"metadata":{"name":"v"},"spec":{}}""");
        await _api.ChangeAsync(Resources.PersistentVolumeClaims, new("d", "data"), c =>
        {
            c["spec"]!["volumeName"] = "v";
            c["metadata"]!["annotations"]!["pv.kubernetes.io/bind-completed"] = "yes";
        });
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
    }

    [Fact]
    public async Task A_Pod_does_not_wait_for_a_volume_on_a_node_that_goes()
    {
        await NodeAsync("n1");
        await CreateAsync(Resources.StorageClasses, "", """{"metadata":{"name":"slow"},"provisioner":"example.com/p","volumeBindingMode":"WaitForFirstConsumer"}""");
        await CreateAsync(Resources.PersistentVolumeClaims, "d", """{"metadata":{"name":"data","namespace":"d"},"spec":{"storageClassName":"slow","resources":{"requests":{"storage":"1Gi"}}}}""");
        await PodAsync("p", with: p => p["spec"]!["volumes"] = JsonNode.Parse("""[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]"""));
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.PersistentVolumeClaims, new("d", "data"), default))!.Metadata.Annotations?["volume.kubernetes.io/selected-node"] == "n1");
        await _api.RemoveAsync(Resources.Nodes, new("", "n1"));
        await EventuallyAsync(async () => await EventAsync("FailedScheduling", "running PreBind plugin \"VolumeBinding\": binding volumes: failed to get node \"n1\": node \"n1\" not found") is not null);
    }

    [Fact]
    public async Task A_Pod_that_became_smaller_while_it_waited_for_its_volume_leaves_room_to_others()
    {
        await NodeAsync("n1", cpu: "4");
        await CreateAsync(Resources.StorageClasses, "", """{"metadata":{"name":"slow"},"provisioner":"example.com/p","volumeBindingMode":"WaitForFirstConsumer"}""");
        await CreateAsync(Resources.PersistentVolumeClaims, "d", """{"metadata":{"name":"data","namespace":"d"},"spec":{"storageClassName":"slow","resources":{"requests":{"storage":"1Gi"}}}}""");
        await PodAsync("p", cpu: "4", with: p => p["spec"]!["volumes"] = JsonNode.Parse("""[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]"""));
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.PersistentVolumeClaims, new("d", "data"), default))!.Metadata.Annotations?["volume.kubernetes.io/selected-node"] == "n1");
        await PodAsync("q", cpu: "2");
        await EventuallyAsync(async () => Condition(await Pod("q")) is not null);
        await _api.ChangeAsync(Resources.Pods, new("d", "p"), p => p["spec"]!["containers"]![0]!["resources"]!["requests"]!["cpu"] = "1");
        await CreateAsync(Resources.PersistentVolumes, "", """{"metadata":{"name":"v"},"spec":{}}""");
        await _api.ChangeAsync(Resources.PersistentVolumeClaims, new("d", "data"), c =>
        {
            c["spec"]!["volumeName"] = "v";
            c["metadata"]!["annotations"]!["pv.kubernetes.io/bind-completed"] = "yes";
        });
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
        await EventuallyAsync(async () => (await Pod("q")).Spec.NodeName == "n1");
    }

    [Fact]
    public async Task A_local_volume_draws_the_Pod_to_its_node()
    {
        await NodeAsync("n1");
        await NodeAsync("n2", labels: """{"disk":"d2"}""");
        await CreateAsync(Resources.StorageClasses, "", """{"metadata":{"name":"local"},"provisioner":"kubernetes.io/no-provisioner","volumeBindingMode":"WaitForFirstConsumer"}""");
        await CreateAsync(Resources.PersistentVolumes, "", """
            {"metadata":{"name":"v2"},"spec":{"capacity":{"storage":"5Gi"},"accessModes":["ReadWriteOnce"],"storageClassName":"local",
            "nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"disk","operator":"In","values":["d2"]}]}]}}},"status":{"phase":"Available"}}
            """);
        await CreateAsync(Resources.PersistentVolumeClaims, "d", """{"metadata":{"name":"data","namespace":"d"},"spec":{"storageClassName":"local","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}""");
        await PodAsync("p", with: p => p["spec"]!["volumes"] = JsonNode.Parse("""[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]"""));
        await EventuallyAsync(async () => (await _api.FindModelAsync(Resources.PersistentVolumes, new("", "v2"), default))!.Spec.ClaimRef?.Name == "data");
        await _api.ChangeAsync(Resources.PersistentVolumeClaims, new("d", "data"), c =>
        {
            c["spec"]!["volumeName"] = "v2";
            c["metadata"]!["annotations"] = new JsonObject { ["pv.kubernetes.io/bind-completed"] = "yes" };
        });
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n2");

        await CreateAsync(Resources.PersistentVolumeClaims, "d", """{"metadata":{"name":"more","namespace":"d"},"spec":{"storageClassName":"local","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}""");
        await PodAsync("q", with: p => p["spec"]!["volumes"] = JsonNode.Parse("""[{"name":"v","persistentVolumeClaim":{"claimName":"more"}}]"""));
        await EventuallyAsync(async () => Condition(await Pod("q"))?.Message
            == "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.");
    }

    [Fact]
    public async Task A_Pods_claim_is_allocated_before_it_is_bound_and_a_claim_that_comes_late_is_waited_for()
    {
        await NodeAsync("n1");
        await NodeAsync("n2");
        await CreateAsync(Resources.DeviceClasses, "", """{"metadata":{"name":"gpu"},"spec":{"selectors":[{"cel":{"expression":"device.driver == 'd.example.com'"}}]}}""");
        await CreateAsync(Resources.ResourceSlices, "", """{"metadata":{"name":"s"},"spec":{"driver":"d.example.com","nodeName":"n2","pool":{"name":"n2","generation":1,"resourceSliceCount":1},"devices":[{"name":"g0"}]}}""");
        await PodAsync("p", with: p => p["spec"]!["resourceClaims"] = JsonNode.Parse("""[{"name":"g","resourceClaimName":"one"}]"""));
        await PodAsync("free");
        await EventuallyAsync(async () => (await Pod("free")).Spec.NodeName is not null);
        Assert.Null(Condition(await Pod("p")));
        await CreateAsync(Resources.ResourceClaims, "d", """{"metadata":{"name":"one","namespace":"d"},"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu"}}]}}}""");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n2");
        var claim = (await _api.FindAsync(Resources.ResourceClaims, new("d", "one"), default))!.ToTree();
        Assert.Equal("g0", (string?)claim["status"]!["allocation"]!["devices"]!["results"]![0]!["device"]);
        Assert.Equal(("pods", "p"), ((string?)claim["status"]!["reservedFor"]![0]!["resource"], (string?)claim["status"]!["reservedFor"]![0]!["name"]));
        Assert.Equal("resource.kubernetes.io/delete-protection", (string?)claim["metadata"]!["finalizers"]![0]);

        await CreateAsync(Resources.ResourceClaims, "d", """{"metadata":{"name":"two","namespace":"d"},"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu"}}]}}}""");
        await PodAsync("q", with: p => p["spec"]!["resourceClaims"] = JsonNode.Parse("""[{"name":"g","resourceClaimName":"two"}]"""));
        await EventuallyAsync(async () => Condition(await Pod("q"))?.Message
            == "0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.");
    }

    [Fact]
    public async Task Volumes_and_devices_are_prepared_side_by_side()
    {
        await NodeAsync("n1");
        await CreateAsync(Resources.StorageClasses, "", """{"metadata":{"name":"slow"},"provisioner":"example.com/p","volumeBindingMode":"WaitForFirstConsumer"}""");
        await CreateAsync(Resources.PersistentVolumeClaims, "d", """{"metadata":{"name":"data","namespace":"d"},"spec":{"storageClassName":"slow","resources":{"requests":{"storage":"1Gi"}}}}""");
        await CreateAsync(Resources.DeviceClasses, "", """{"metadata":{"name":"gpu"},"spec":{}}""");
        await SliceAsync("n1", """{"name":"g0"}""");
        await CreateAsync(Resources.ResourceClaims, "d", """{"metadata":{"name":"one","namespace":"d"},"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu"}}]}}}""");
        await PodAsync("p", with: p =>
        {
            p["spec"]!["volumes"] = JsonNode.Parse("""[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]""");
            p["spec"]!["resourceClaims"] = JsonNode.Parse("""[{"name":"g","resourceClaimName":"one"}]""");
        });
        await EventuallyAsync(async () => (string?)(await _api.FindAsync(Resources.ResourceClaims, new("d", "one"), default))!.ToTree()["status"]?["reservedFor"]?[0]?["name"] == "p");
        Assert.Null((await Pod("p")).Spec.NodeName);
        await CreateAsync(Resources.PersistentVolumes, "", """{"metadata":{"name":"v"},"spec":{}}""");
        await _api.ChangeAsync(Resources.PersistentVolumeClaims, new("d", "data"), c =>
        {
            c["spec"]!["volumeName"] = "v";
            ((JsonObject)(c["metadata"]!["annotations"] ??= new JsonObject()))["pv.kubernetes.io/bind-completed"] = "yes";
        });
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
    }

    [Fact]
    public async Task An_extended_resource_that_no_node_offers_is_had_as_devices_of_a_class()
    {
        await NodeAsync("n1");
        await NodeAsync("n2");
        await SliceAsync("n2", """{"name":"g0"}""", """{"name":"g1"}""");
        await PodAsync("p", with: p => Ask(p, "example.com/gpu", 1));
        await EventuallyAsync(async () => Condition(await Pod("p"))?.Message
            == "0/2 nodes are available: 2 Insufficient example.com/gpu. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.");

        // The class is what makes it one.
        await CreateAsync(Resources.DeviceClasses, "", """{"metadata":{"name":"gpu"},"spec":{"extendedResourceName":"example.com/gpu"}}""");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n2");
        var status = (await Pod("p")).Status.ExtendedResourceClaimStatus;
        Assert.Equal(("c", "example.com/gpu", "container-0-request-0"), Assert.Single(status.RequestMappings) is var m ? (m.ContainerName, m.ResourceName, m.RequestName) : default);
        var claim = (await _api.FindAsync(Resources.ResourceClaims, new("d", status.ResourceClaimName), default))!.ToTree();
        Assert.StartsWith("p-extended-resources-", status.ResourceClaimName, StringComparison.Ordinal);
        Assert.Contains("scheduler_resourceclaim_creates_total{status=\"success\"} 1\n", _loop.Metrics(), StringComparison.Ordinal);
        Assert.Equal("true", (string?)claim["metadata"]!["annotations"]!["resource.kubernetes.io/extended-resource-claim"]);
        Assert.Equal((await Pod("p")).Metadata.Uid, (string?)claim["metadata"]!["ownerReferences"]![0]!["uid"]);
        Assert.Equal("""[{"name":"container-0-request-0","exactly":{"deviceClassName":"gpu","allocationMode":"ExactCount","count":1}}]""", claim["spec"]!["devices"]!["requests"]!.ToJsonString());
        Assert.Equal("g0", (string?)claim["status"]!["allocation"]!["devices"]!["results"]![0]!["device"]);
        Assert.Equal("p", (string?)claim["status"]!["reservedFor"]![0]!["name"]);

        // The same devices by the name that every class has, until they are gone.
        await PodAsync("q", with: p => Ask(p, "deviceclass.resource.kubernetes.io/gpu", 1));
        await EventuallyAsync(async () => (await Pod("q")).Spec.NodeName == "n2");
        await PodAsync("r", with: p => Ask(p, "example.com/gpu", 1));
        await EventuallyAsync(async () => Condition(await Pod("r"))?.Message
            == "0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.");
        await _api.DeleteAsync(Resources.ResourceClaims, new("d", status.ResourceClaimName), new DeleteQuery(), default);
        await _api.ChangeAsync(Resources.ResourceClaims, new("d", status.ResourceClaimName), c => c["metadata"]!.AsObject().Remove("finalizers"));
        await EventuallyAsync(async () => (await Pod("r")).Spec.NodeName == "n2");
    }

    [Fact]
    public async Task An_extended_resource_that_a_node_offers_itself_needs_no_claim()
    {
        await CreateAsync(Resources.DeviceClasses, "", """{"metadata":{"name":"gpu"},"spec":{"extendedResourceName":"example.com/gpu"}}""");
        await NodeAsync("n1");
        await _api.ChangeAsync(Resources.Nodes, new("", "n1"), n => n["status"]!["allocatable"]!["example.com/gpu"] = "1");
        await PodAsync("p", with: p => Ask(p, "example.com/gpu", 1));
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
        Assert.Empty((await _api.ListAsync(Resources.ResourceClaims, new ListQuery("d"), default)).Items);
        await PodAsync("q", with: p => Ask(p, "example.com/gpu", 1));
        await EventuallyAsync(async () => Condition(await Pod("q"))?.Message.StartsWith("0/1 nodes are available: 1 Insufficient example.com/gpu.", StringComparison.Ordinal) == true);
    }

    [Fact]
    public async Task The_claim_of_extended_resources_that_an_earlier_try_left_goes_first()
    {
        await CreateAsync(Resources.DeviceClasses, "", """{"metadata":{"name":"gpu"},"spec":{"extendedResourceName":"example.com/gpu"}}""");
        await SliceAsync("n1", """{"name":"g0"}""");
        await NodeAsync("n1");
        await PodAsync("p", with: p =>
        {
            Ask(p, "example.com/gpu", 1);
            p["spec"]!["schedulingGates"] = JsonNode.Parse("""[{"name":"a"}]""");
        });
        await CreateAsync(Resources.ResourceClaims, "d", $$$$"""
            {"metadata":{"name":"left","namespace":"d","annotations":{"resource.kubernetes.io/extended-resource-claim":"true"},"finalizers":["resource.kubernetes.io/delete-protection"],
            "ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"{{{{(await Pod("p")).Metadata.Uid}}}}","controller":true}]},
            "spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu"}}]}},"status":{"allocation":{"devices":{"results":[{"request":"r","driver":"d.example.com","pool":"n1","device":"g0"}]} } } }
            """);
        // It has been there for long when the Pod is looked at.
        var claims = _informers.ForObjects(Resources.ResourceClaims);
        await claims.WaitUntilAsync(() => claims.Find(new("d", "left")) is not null, default);
        // Handlers are told under one lock: who can subscribe comes after the scheduler has heard of it.
        claims.Subscribe(static _ => { }).Dispose();
        await _api.ChangeAsync(Resources.Pods, new("d", "p"), p => p["spec"]!.AsObject().Remove("schedulingGates"));
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
        Assert.Null(await _api.FindAsync(Resources.ResourceClaims, new("d", "left"), default));
        Assert.NotEqual("left", (await Pod("p")).Status.ExtendedResourceClaimStatus.ResourceClaimName);
        await EventuallyAsync(async () => await EventAsync("FailedScheduling", "0/1 nodes are available: 1 cannot schedule extended resource claim. deletion of ResourceClaim completed, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.") is not null);
    }

    [Fact]
    public async Task A_Pod_waits_on_its_node_until_its_device_is_attached()
    {
        await NodeAsync("n1");
        await ConditionalClaimAsync("""{"name":"g0","bindingConditions":["Attached"],"bindingFailureConditions":["Broken"]}""");
        await EventuallyAsync(async () => await EventAsync("BindingConditionsPending") is { Message: "waiting for binding conditions for device on node n1", Action: "Scheduling", Type: "Normal" });
        Assert.Equal(("n1", null), ((await Pod("p")).Status.NominatedNodeName, (await Pod("p")).Spec.NodeName));
        await TellAsync("g0", "Attached");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
        AssertWaited("success");
    }

    private void AssertWaited(string status)
    {
        var labels = $"driver=\"d.example.com\",profile=\"default-scheduler\",status=\"{status}\"";
        Assert.Contains($"scheduler_dra_bindingconditions_allocations_total{{{labels}}} 1\n", _loop.Metrics(), StringComparison.Ordinal);
        Assert.Contains($"scheduler_dra_bindingconditions_wait_duration_seconds_count{{{labels}}} 1\n", _loop.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_device_that_cannot_be_attached_is_given_up_for_another()
    {
        await NodeAsync("n1");
        await ConditionalClaimAsync("""{"name":"g0","bindingConditions":["Attached"],"bindingFailureConditions":["Broken"]}""");
        await EventuallyAsync(async () => await EventAsync("BindingConditionsPending") is not null);
        await _api.ChangeAsync(Resources.ResourceSlices, new("", "s-n1"), s => s["spec"]!["devices"] = JsonNode.Parse("""[{"name":"g1"}]"""));
        await TellAsync("g0", "Broken");
        await EventuallyAsync(async () => await EventAsync("FailedScheduling", "running PreBind plugin \"DynamicResources\": device binding failed: claim=one, reason=Why, message=\"so\"") is not null);
        AssertWaited("failure");
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
        var claim = (await _api.FindAsync(Resources.ResourceClaims, new("d", "one"), default))!.ToTree();
        Assert.Equal("g1", (string?)claim["status"]!["allocation"]!["devices"]!["results"]![0]!["device"]);
        Assert.Null(claim["status"]!["devices"]);
        await EventuallyAsync(async () => await EventAsync("FailedScheduling", "0/1 nodes are available: 1 resourceclaim not available on the node. deallocation of ResourceClaim completed, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.") is not null);
    }

    [Fact]
    public async Task The_node_with_the_preferred_devices_is_chosen()
    {
        await CreateAsync(Resources.DeviceClasses, "", """{"metadata":{"name":"gpu"},"spec":{}}""");
        foreach (var node in (string[])["n1", "n2", "n3"])
        {
            await SliceAsync(node, $$$$"""{"name":"g","attributes":{"large":{"bool":{{{{(node == "n2" ? "true" : "false")}}}} } } }""");
            await NodeAsync(node);
        }
        // The claim comes last, so that the Pod sees all nodes at once.
        await PodAsync("p", with: p => p["spec"]!["resourceClaims"] = JsonNode.Parse("""[{"name":"g","resourceClaimName":"one"}]"""));
        await CreateAsync(Resources.ResourceClaims, "d", """
            {"metadata":{"name":"one","namespace":"d"},"spec":{"devices":{"requests":[{"name":"r","firstAvailable":[
            {"name":"large","deviceClassName":"gpu","selectors":[{"cel":{"expression":"device.attributes['d.example.com'].large"}}]},{"name":"small","deviceClassName":"gpu"}]}]}}}
            """);
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName is not null);
        Assert.Equal("n2", (await Pod("p")).Spec.NodeName);
    }

    [Fact]
    public async Task A_Pod_that_wants_all_containers_restarted_goes_where_the_kubelet_declares_that()
    {
        await NodeAsync("n1");
        await PodAsync("p", with: p => p["spec"]!["containers"]![0]!["restartPolicyRules"] = JsonNode.Parse("""[{"action":"RestartAllContainers","exitCodes":{"operator":"In","values":[1]}}]"""));
        await EventuallyAsync(async () => Condition(await Pod("p"))?.Message
            == "0/1 nodes are available: 1 node(s) didn't match Pod's required features. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.");
        await _api.ChangeAsync(Resources.Nodes, new("", "n1"), n => n["status"]!["declaredFeatures"] = new JsonArray("RestartAllContainersOnContainerExits"));
        await EventuallyAsync(async () => (await Pod("p")).Spec.NodeName == "n1");
    }

    [Fact]
    public async Task Another_schedulers_Pods_are_left_alone()
    {
        await NodeAsync("n1");
        await PodAsync("other", with: p => p["spec"]!["schedulerName"] = "mine");
        await PodAsync("own");
        await EventuallyAsync(async () => (await Pod("own")).Spec.NodeName == "n1");
        Assert.Null((await Pod("other")).Spec.NodeName);
    }

    [Fact]
    public async Task Many_Pods_never_overfill_a_node()
    {
        for (var i = 0; i < 4; i++) await NodeAsync($"n{i}", cpu: "10");
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => PodAsync($"p{i}", cpu: "1")));
        await EventuallyAsync(
            async () => (await PodsAsync()) is var pods && pods.Count(p => p.Spec.NodeName is not null) == 40 && pods.Where(p => p.Spec.NodeName is null).All(p => Condition(p) is { Status: "False" }),
            async () => string.Join('\n', (await PodsAsync()).Select(p => $"{p.Metadata.Name} {p.Spec.NodeName} {Condition(p)?.Message}")));
        Assert.All((await PodsAsync()).Where(p => p.Spec.NodeName is not null).CountBy(p => p.Spec.NodeName), n => Assert.Equal(10, n.Value));
    }

    private static void Ask(JsonObject pod, string resource, int amount)
    {
        foreach (var list in (string[])["requests", "limits"])
        {
            if (pod["spec"]!["containers"]![0]!["resources"]![list] is not JsonObject amounts) pod["spec"]!["containers"]![0]!["resources"]![list] = amounts = [];
            amounts[resource] = amount.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    private Task SliceAsync(string node, params string[] devices) => CreateAsync(Resources.ResourceSlices, "", $$$"""
        {"metadata":{"name":"s-{{{node}}}"},"spec":{"driver":"d.example.com","nodeName":"{{{node}}}","pool":{"name":"{{{node}}}","generation":1,"resourceSliceCount":1},"devices":[{{{string.Join(',', devices)}}}]} }
        """);

    /// <summary>A Pod <c>p</c> with a claim <c>one</c> for a device of n1.</summary>
    private async Task ConditionalClaimAsync(string device)
    {
        await CreateAsync(Resources.DeviceClasses, "", """{"metadata":{"name":"gpu"},"spec":{}}""");
        await SliceAsync("n1", device);
        await CreateAsync(Resources.ResourceClaims, "d", """{"metadata":{"name":"one","namespace":"d"},"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu"}}]}}}""");
        await PodAsync("p", with: p => p["spec"]!["resourceClaims"] = JsonNode.Parse("""[{"name":"g","resourceClaimName":"one"}]"""));
    }

    /// <summary>What the driver says of a device of the claim <c>one</c>.</summary>
    private Task TellAsync(string device, string condition) => _api.ChangeAsync(Resources.ResourceClaims, new("d", "one"), c => c["status"]!["devices"] = JsonNode.Parse($$"""
        [{"driver":"d.example.com","pool":"n1","device":"{{device}}","conditions":[{"type":"{{condition}}","status":"True","reason":"Why","message":"so"}]}]
        """)).AsTask();

    private static V1PodCondition? Condition(V1Pod pod) => pod.Status?.Conditions?.FirstOrDefault(c => c.Type == "PodScheduled");

    private static async Task EventuallyAsync(Func<Task<bool>> holds, Func<Task<string>>? saw = null)
    {
        var until = DateTime.UtcNow.AddSeconds(20);
        while (!await holds())
        {
            if (DateTime.UtcNow > until) Assert.Fail($"it did not become so within 20 s{(saw is null ? "" : "; last seen:\n" + await saw())}");
            await Task.Delay(10);
        }
    }

    private async Task<V1Pod> Pod(string name) => (await _api.FindModelAsync(Resources.Pods, new NamespacedName("d", name), default))!;

    private async Task<IReadOnlyList<V1Pod>> PodsAsync() => await _api.ListModelsAsync(Resources.Pods, new ListQuery("d"), default);

    private async Task<Corev1Event?> EventAsync(string reason, string? message = null) =>
        (await _api.ListModelsAsync(Resources.Events, new ListQuery("d"), default)).FirstOrDefault(e => e.Reason == reason && (message is null || e.Message == message));

    private Task PodAsync(string name, string? cpu = null, Action<JsonObject>? with = null)
    {
        var pod = JsonNode.Parse($$$$"""{"metadata":{"name":"{{{{name}}}}","namespace":"d"},"spec":{"containers":[{"name":"c","image":"i","resources":{"requests":{}}}]},"status":{}}""")!.AsObject();
        if (cpu is not null) pod["spec"]!["containers"]![0]!["resources"]!["requests"]!["cpu"] = cpu;
        with?.Invoke(pod);
        return _api.CreateAsync(Resources.Pods, new NamespacedName("d", name), pod, null, default).AsTask();
    }

    private async Task NodeAsync(string name, string cpu = "4", string spec = "{}", string labels = "{}")
    {
        var node = JsonNode.Parse($$$$"""{"metadata":{"name":"{{{{name}}}}","labels":{{{{labels}}}}},"spec":{{{{spec}}}},"status":{"allocatable":{"cpu":"{{{{cpu}}}}","memory":"8Gi","pods":"110"}}}""")!.AsObject();
        await _api.CreateAsync(Resources.Nodes, new NamespacedName("", name), node, null, default);
        // A Pod that comes before its node is seen is told so first.
        var nodes = _informers.For(Resources.Nodes);
        await EventuallyAsync(() => Task.FromResult(nodes.ResourceVersion > 0 && nodes.Find(new("", name)) is not null));
        await Task.Delay(20);
    }

    private async Task CreateAsync(ResourceId resource, string ns, string json)
    {
        var tree = JsonNode.Parse(json)!.AsObject();
        await _api.CreateAsync(resource, new NamespacedName(ns, (string)tree["metadata"]!["name"]!), tree, null, default);
    }
}
