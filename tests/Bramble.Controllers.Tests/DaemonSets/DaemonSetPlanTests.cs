using Bramble.Controllers.DaemonSets;
using k8s.Models;
using Microsoft.Extensions.Time.Testing;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.DaemonSets;

public sealed class DaemonSetPlanTests
{
    /// <param name="nodes">name:pods; a pod is r ready, n not ready, f failed, s succeeded, d going, u not bound, of the new template with a "2"; "!" before the pods: none should run there,
    /// "?" one that is there may stay, "~" the node is gone.</param>
    [Theory]
    [InlineData("a node without one gets one", "a: b:r2", 0, "", "a")]
    [InlineData("one that is going is waited for", "a:d2", 0, "", "")]
    [InlineData("a failed one goes, with a back-off", "a:f2", 0, "failed a0", "")]
    [InlineData("a succeeded one goes", "a:s2", 0, "succeeded a0", "")]
    [InlineData("of two the younger goes", "a:r2r2", 0, "a1", "")]
    [InlineData("where none should run all go", "a:!r2", 0, "a0", "")]
    [InlineData("where it may stay it stays", "a:?r2", 0, "", "")]
    [InlineData("while surging the old one stays as long as it serves", "a:rn2", 1, "", "")]
    [InlineData("the new one serves: the old one goes", "a:rr2", 1, "a0", "")]
    [InlineData("the old one does not serve any longer", "a:nn2", 1, "a0", "")]
    [InlineData("while surging one that goes is not waited for", "a:d", 1, "", "a")]
    [InlineData("while surging the younger of two old ones goes", "a:rrn2", 1, "a1", "")]
    [InlineData("the younger and the one that does not serve any longer", "a:nrn2", 1, "a1 a0", "")]
    [InlineData("while surging a failed one goes and is replaced at once", "a:f2", 1, "failed a0", "a")]
    [InlineData("a failed one and the younger", "a:f2r2r2", 0, "failed a0 a2", "")]
    [InlineData("of a node that is gone one that is not bound goes, nobody else removes it", "a:~u2r2 b:r2", 0, "a0", "")]
    [InlineData("one that is bound counts before one that is not, whatever their age", "a:u2r2", 0, "a0", "")]
    public void One_on_each_node(string because, string nodes, int surge, string deleted, string created)
    {
        Assert.NotEmpty(because);
        var changes = DaemonSetPlan.Decide(View(nodes, surge, 1));
        var names = changes.Failed.Select(f => $"failed {f.Pod.Metadata.Name}").Concat(changes.Succeeded.Select(f => $"succeeded {f.Pod.Metadata.Name}")).Concat(changes.Delete.Select(p => p.Metadata.Name));
        Assert.Equal((deleted, created), (string.Join(' ', names), string.Join(' ', changes.Create)));
    }

    [Theory]
    [InlineData("one at a time", "a:r b:r c:r", 0, 1, "a0", "")]
    [InlineData("the next waits until the new one serves", "a:n2 b:r c:r", 0, 1, "", "")]
    [InlineData("one that serves nobody goes at once", "a:n b:r c:r", 0, 1, "a0", "")]
    [InlineData("two at a time", "a:r b:r c:r", 0, 2, "a0 b0", "")]
    [InlineData("a node without its Pod counts", "a: b:r c:r", 0, 1, "", "")]
    [InlineData("all new: nothing", "a:r2 b:r2", 0, 1, "", "")]
    [InlineData("those that serve nobody go even when no more may be missing", "a:n b:n c:n2 d:r", 0, 2, "a0 b0", "")]
    [InlineData("neither one nor the other may be missing: one may", "a:r b:r", 0, 0, "a0", "")]
    [InlineData("surge: a new one first", "a:r b:r", 1, 0, "", "a")]
    [InlineData("surge: no second before the first serves", "a:rn2 b:r", 1, 0, "", "")]
    [InlineData("surge: the old one goes when the new one serves", "a:rr2 b:r", 1, 0, "a0", "b")]
    [InlineData("surge: where the old one serves nobody at once", "a:n b:n c:r", 1, 0, "", "a b c")]
    [InlineData("surge: one that should not be there goes only when enough serve", "a:?r b:n2", 1, 0, "", "")]
    [InlineData("surge: enough serve elsewhere", "a:?r b:r2", 1, 0, "a0", "")]
    public void A_new_template_goes_from_node_to_node(string because, string nodes, int surge, int unavailable, string deleted, string created)
    {
        Assert.NotEmpty(because);
        var changes = DaemonRollingUpdate.Decide(View(nodes, surge, unavailable));
        Assert.Equal((deleted, created), (string.Join(' ', changes.Delete.Select(p => p.Metadata.Name)), string.Join(' ', changes.Create)));
    }

    [Theory]
    [InlineData("h2", "7", true)]
    [InlineData("h2", "6", true)]
    [InlineData("h1", "7", true)]      // made before there were hashes, or of a revision that somebody removed
    [InlineData("h1", "6", false)]
    [InlineData(null, "7", true)]
    [InlineData(null, null, false)]
    public void A_Pod_is_up_to_date_by_its_hash_or_its_generation(string? hash, string? generation, bool isUpdated)
    {
        var view = View("a:", 0, 1) with { Generation = "7" };
        Assert.Equal(isUpdated, view.IsUpdated(Pod("p", hash: hash, labels: generation is null ? "" : $"\"pod-template-generation\":\"{generation}\"")));
        Assert.Equal(hash == "h2", (view with { Generation = null }).IsUpdated(Pod("p", hash: hash)));
    }

    [Fact]
    public void The_status_counts_the_oldest_Pod_of_each_node()
    {
        var (status, _) = DaemonSetStatus.Compute(View("a:r2 b:n c: d:!r e:rn2", 0, 1), 0);
        Assert.Equal("""{"currentNumberScheduled":3,"numberMisscheduled":1,"desiredNumberScheduled":4,"numberReady":2,"updatedNumberScheduled":1,"numberAvailable":2,"numberUnavailable":2}""", status.ToJsonString());
    }

    [Fact]
    public void Failed_Pods_of_a_node_go_after_one_two_four_seconds_and_so_on()
    {
        var time = new FakeTimeProvider(Noon);
        var backOff = new FailedPodBackOff(time);
        Assert.Null(backOff.Next("set", "n1"));
        Assert.Equal(TimeSpan.FromSeconds(1), backOff.Next("set", "n1"));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(backOff.Next("set", "n1"));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.FromSeconds(2), backOff.Next("set", "n1"));
        Assert.Null(backOff.Next("set", "n2"));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Null(backOff.Next("set", "n1"));
        Assert.Equal(TimeSpan.FromSeconds(1), backOff.Next("set", "n1"));
    }

    private static DaemonView View(string nodes, int surge, int unavailable)
    {
        var placement = new Dictionary<string, (bool, bool)>();
        var byNode = new Dictionary<string, List<V1Pod>>();
        foreach (var text in nodes.Split(' '))
        {
            var (node, pods) = (text.Split(':')[0], text.Split(':')[1]);
            if (!pods.StartsWith('~')) placement[node] = pods.StartsWith('!') ? (false, false) : pods.StartsWith('?') ? (false, true) : (true, true);
            var list = new List<V1Pod>();
            for (var i = 0; i < pods.Length; i++)
            {
                if (!char.IsLetter(pods[i])) continue;
                var hash = i + 1 < pods.Length && pods[i + 1] == '2' ? "h2" : "h1";
                var name = $"{node}{list.Count}";
                var created = Noon.AddMinutes(list.Count - 30);
                list.Add(pods[i] switch
                {
                    'r' => Pod(name, ready: Noon.AddMinutes(-20), hash: hash, node: node, created: created),
                    'f' => Pod(name, "Failed", hash: hash, node: node, created: created),
                    's' => Pod(name, "Succeeded", hash: hash, node: node, created: created),
                    'u' => Pod(name, hash: hash, created: created),
                    'd' => Pod(name, isBeingDeleted: true, hash: hash, node: node, created: created),
                    _ => Pod(name, hash: hash, node: node, created: created),
                });
            }
            if (list.Count > 0) byNode[node] = list;
        }
        return new DaemonView(
            Tree($$$"""{"metadata":{"name":"agent"},"spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":{{{surge}}},"maxUnavailable":{{{unavailable}}} } } } }"""), placement, byNode, "h2", null, Noon);
    }
}
