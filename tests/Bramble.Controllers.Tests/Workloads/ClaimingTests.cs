using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.History;
using Bramble.Controllers.Workloads;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Workloads;

public sealed class ClaimingTests
{
    /// <param name="children">name: "own" or "orphan", "!" after it: the selector does not match, "gone": only in the copy.</param>
    [Theory]
    [InlineData("what is its own stays", true, "a own", "a", null)]
    [InlineData("an orphan is adopted", true, "a orphan", "a", null)]
    [InlineData("one that matches no longer is released", true, "a own!", "", null)]
    [InlineData("one that went meanwhile is no failure", true, "a orphan gone, b own! gone, c own", "c", null)]
    [InlineData("an owner that is gone adopts nobody, and nothing is decided", false, "a orphan, b own", null, 409)]
    [InlineData("but what it has it keeps", false, "b own", "b", null)]
    public async Task Children(string because, bool hasOwner, string children, string? expected, int? failure)
    {
        Assert.NotEmpty(because);
        var api = new TestCluster();
        var created = await api.CreateAsync(Resources.ReplicaSets, new NamespacedName("d", "web"), Tree("""{"metadata":{"name":"web","namespace":"d"},"spec":{} }"""), null, default);
        var owner = Owner.Of(Resources.ReplicaSets, created);
        if (!hasOwner) await api.DeleteAsync(Resources.ReplicaSets, created.Name, new DeleteQuery(), default);
        var candidates = new List<V1Pod>();
        foreach (var child in children.Split(", ").Select(c => c.Split(' ')))
        {
            var reference = child[1].StartsWith("own", StringComparison.Ordinal) ? $$"""[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web","uid":"{{owner.Uid}}","controller":true}]""" : "[]";
            var pod = await api.CreateAsync(Resources.Pods, new NamespacedName("d", child[0]), Tree($$$"""{"metadata":{"name":"{{{child[0]}}}","namespace":"d","ownerReferences":{{{reference}}} },"spec":{} }"""), null, default);
            candidates.Add(pod.Model<V1Pod>());
            if (child.Contains("gone")) await api.DeleteAsync(Resources.Pods, pod.Name, new DeleteQuery(), default);
        }
        try
        {
            var claimed = await Claiming.ClaimAsync(
                api, owner, false, Resources.Pods, candidates, p => !children.Contains($"{p.Metadata.Name} own!", StringComparison.Ordinal), _ => { }, default);
            Assert.Equal(expected, string.Join(' ', claimed.Select(p => p.Metadata.Name)));
        }
        catch (StatusException e)
        {
            Assert.Equal(failure, e.Status.Code);
            return;
        }
        Assert.Null(failure);
        foreach (var pod in (await api.ListAsync(Resources.Pods, new ListQuery("d"), default)).Items)
            Assert.Equal(expected!.Split(' ').Contains(pod.Name.Name) ? owner.Uid : null, pod.Model<V1Pod>().ControllerRef()?.Uid);
    }

    [Fact]
    public void Names_of_full_length_are_cut_where_something_follows()
    {
        var owner = new Owner(Resources.ReplicaSets, new NamespacedName("d", new string('a', 253)), "u");
        Assert.Equal(owner.Name.Name, (string?)PodFromTemplate.Make(Tree("{}"), owner, owner.Name.Name + "-")["metadata"]!["generateName"]);
        Assert.Equal(new string('a', 223) + "-hash", Revisions.NameOf(owner.Name.Name, "hash"));
    }
}
