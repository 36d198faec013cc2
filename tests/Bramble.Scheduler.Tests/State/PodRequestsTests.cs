using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Tests.State;

public sealed class PodRequestsTests
{
    public static TheoryData<string, V1Pod, long, long> Cases => new()
    {
        { "containers add up", APod([C("300m"), C("200m")]), 500, 500 },
        { "the largest init container where that is more", APod([C("300m")], [C("900m"), C("400m")]), 900, 900 },
        { "a sidecar runs beside the containers", APod([C("300m")], [C("100m", isSidecar: true)]), 400, 400 },
        { "and beside init containers after it", APod([C("300m"), C("200m")], [C("100m", isSidecar: true), C("900m")]), 1000, 1000 },
        { "but not before it", APod([C("300m"), C("200m")], [C("500m"), C("100m", isSidecar: true)]), 600, 600 },
        { "overhead comes on top", APod([C("300m")], with: p => p.Spec.Overhead = Some.Amounts(("cpu", "50m"))), 350, 350 },
        { "requests of the Pod stand in place of the sum", APod([C("300m")], with: p => p.Spec.Resources = Asks(("cpu", "1"))), 1000, 1000 },
        { "a container without a request counts as 100m in scores only", APod([C("300m"), C(null)]), 300, 400 },
        { "an explicit 0 is a request", APod([C("0")]), 0, 0 },
        { "nor does an explicit 0 of one container speak for another", APod([C("0"), C(null)]), 0, 100 },
        { "requests of the Pod for memory only: CPU is assumed container by container", APod([C(null), C(null)], with: p => p.Spec.Resources = Asks(("memory", "1Gi"))), 0, 200 },
        { "disk is never asked for by the Pod as a whole", APod([C("300m")], with: p => p.Spec.Resources = Asks(("ephemeral-storage", "1Gi"))), 300, 300 },
        { "a container that asks for nothing but has something", APod([C(null)], with: p => p.Status = Has("500m")), 500, 500 },
        { "wanted, had and promised: the largest", APod([C("200m")], with: p => p.Status = Has("300m", "400m")), 400, 400 },
        { "an infeasible wish while an earlier one is carried out", APod([C("900m")], with: p => p.Status = Infeasible(Has("200m", "400m"))), 400, 400 },
        { "a deferred wish counts", APod([C("900m")], with: p => p.Status = Pending(Has("200m"), "Deferred")), 900, 900 },
        { "a sidecar that is being shrunk", APod([C("100m")], [C("100m", isSidecar: true)], p => p.Status = new() { InitContainerStatuses = Has("500m").ContainerStatuses }), 600, 600 },
        { "an init container is done with what it had", APod([C("100m")], [C("100m")], p => p.Status = new() { InitContainerStatuses = Has("500m").ContainerStatuses }), 100, 100 },
        { "the whole Pod is being shrunk", APod([C("100m")], with: p =>
        {
            p.Spec.Resources = Asks(("cpu", "200m"));
            p.Status = new() { Resources = Asks(("cpu", "500m")) };
        }), 500, 500 },
        { "the whole Pod was promised more than it has", APod([C("100m")], with: p =>
        {
            p.Spec.Resources = Asks(("cpu", "900m"));
            p.Status = Infeasible(new() { Resources = Asks(("cpu", "300m")), AllocatedResources = Some.Amounts(("cpu", "400m")) });
        }), 400, 400 },
        { "what the containers have together says nothing of a Pod without requests of its own", APod([C("100m")], with: p => p.Status = new() { Resources = Asks(("cpu", "500m")) }), 100, 100 },
        { "while it is being shrunk what it has counts", APod([C("200m")], with: p => p.Status = Has("500m")), 500, 500 },
        { "an infeasible wish counts as what it has", APod([C("900m")], with: p => p.Status = Infeasible(Has("500m"))), 500, 500 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_a_Pod_takes_of_its_node(string name, V1Pod pod, long millicores, long assumedMillicores)
    {
        _ = name;
        var requests = PodRequests.Of(pod);
        Assert.Equal((millicores, assumedMillicores), (requests.CpuMillicores, PodRequests.WithAssumed(pod, requests).CpuMillicores));
    }

    private static V1Container C(string? cpu, bool isSidecar = false) => new()
    {
        Name = "c",
        RestartPolicy = isSidecar ? "Always" : null,
        Resources = new V1ResourceRequirements { Requests = Some.Amounts(("cpu", cpu)) },
    };

    private static V1ResourceRequirements Asks(params (string, string?)[] amounts) => new() { Requests = Some.Amounts(amounts) };

    private static V1PodStatus Has(string cpu, string? promised = null) =>
        new() { ContainerStatuses = [new V1ContainerStatus { Name = "c", Resources = Asks(("cpu", cpu)), AllocatedResources = Some.Amounts(("cpu", promised)) }] };

    private static V1PodStatus Infeasible(V1PodStatus status) => Pending(status, "Infeasible");

    private static V1PodStatus Pending(V1PodStatus status, string reason)
    {
        status.Conditions = [new V1PodCondition { Type = "PodResizePending", Status = "True", Reason = reason }];
        return status;
    }

    private static V1Pod APod(V1Container[] containers, V1Container[]? inits = null, Action<V1Pod>? with = null)
    {
        var pod = new V1Pod { Spec = new V1PodSpec { Containers = containers, InitContainers = inits } };
        with?.Invoke(pod);
        return pod;
    }
}
