using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Tests.Pods;

/// <summary>Who makes room for a critical pod on a node of 1000m and 1000Mi.</summary>
public sealed class PodPreemptionTests
{
    private static readonly V1Node Node = new()
    {
        Metadata = new() { Name = "n" },
        Status = new() { Allocatable = new Dictionary<string, ResourceQuantity> { ["cpu"] = "1", ["memory"] = "1000Mi", ["pods"] = "4" } },
    };

    // others: NAME:QOS:CPU:MEMORY[:PRIORITY], the critical pod wants CPU:MEMORY
    [Theory]
    [InlineData("500:100", "a:burstable:300:100 b:burstable:600:100", "b")]                         // one that is enough rather than the first
    [InlineData("500:100", "a:burstable:450:100 b:guaranteed:500:100", "a")]                        // the better class stays
    [InlineData("900:100", "a:burstable:450:100 b:guaranteed:500:100", "a b")]
    [InlineData("500:100", "a:burstable:500:200 b:burstable:500:100", "b")]                         // alike: the one with less memory
    [InlineData("500:900", "a:burstable:500:100 b:burstable:100:500 c:burstable:400:400", "c b")]   // nearest first, until it is enough
    [InlineData("500:100", "a:burstable:500:100 b:burstable:500:100:2000000000", "a")]              // not for one of the same rank
    [InlineData("100:100", "a:besteffort:0:0 b:besteffort:0:0 c:burstable:100:1 d:burstable:100:1", "b")]   // a place, nothing else
    [InlineData("900:100", "a:burstable:300:100:2000000000 b:burstable:200:100", null)]             // there is not so much to be had
    public void As_few_as_can_be_of_the_worst_class(string wanted, string running, string? victims)
    {
        var others = running.Split(' ').Select(Pod).ToList();
        var critical = Pod($"critical:burstable:{wanted}:2000000000");
        var chosen = PodPreemption.Choose(critical, others, PodAdmission.Shortages(critical, Node, others));
        Assert.Equal(victims, chosen is null ? null : string.Join(' ', chosen.Select(p => p.Metadata.Name)));
    }

    private static V1Pod Pod(string text)
    {
        var parts = text.Split(':');
        var amounts = parts[1] == "besteffort" ? null : new Dictionary<string, ResourceQuantity> { ["cpu"] = $"{parts[2]}m", ["memory"] = $"{parts[3]}Mi" };
        return new V1Pod
        {
            Metadata = new() { Name = parts[0], Uid = parts[0] },
            Spec = new()
            {
                Priority = parts.Length > 4 ? int.Parse(parts[4]) : 0,
                Containers = [new V1Container { Name = "c", Resources = new() { Requests = amounts, Limits = parts[1] == "guaranteed" ? amounts : null } }],
            },
        };
    }
}
