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
        { "requests of the Pod stand in place of the sum", APod([C("300m")], with: p => p.Spec.Resources = new V1ResourceRequirements { Requests = Some.Amounts(("cpu", "1")) }), 1000, 1000 },
        { "a container without a request counts as 100m in scores only", APod([C("300m"), C(null)]), 300, 400 },
        { "an explicit 0 is a request", APod([C("0")]), 0, 0 },
        { "while it is being shrunk what it has counts", APod([C("200m")], with: p => p.Status = Has("500m")), 500, 500 },
        { "an infeasible wish counts as what it has", APod([C("900m")], with: p =>
        {
            p.Status = Has("500m");
            p.Status.Conditions = [new V1PodCondition { Type = "PodResizePending", Status = "True", Reason = "Infeasible" }];
        }), 500, 500 },
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

    private static V1PodStatus Has(string cpu) => new() { ContainerStatuses = [new V1ContainerStatus { Name = "c", Resources = new V1ResourceRequirements { Requests = Some.Amounts(("cpu", cpu)) } }] };

    private static V1Pod APod(V1Container[] containers, V1Container[]? inits = null, Action<V1Pod>? with = null)
    {
        var pod = new V1Pod { Spec = new V1PodSpec { Containers = containers, InitContainers = inits } };
        with?.Invoke(pod);
        return pod;
    }
}
