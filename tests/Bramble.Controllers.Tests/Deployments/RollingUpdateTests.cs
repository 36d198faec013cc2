using System.Text.Json.Nodes;
using Bramble.Controllers.Deployments;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Deployments;

public sealed class RollingUpdateTests
{
    [Theory]
    [InlineData("the defaults of ten", 10, "\"25%\"", "\"25%\"", 3, 2)]
    [InlineData("of three: surge rounds up, unavailable down", 3, "\"25%\"", "\"25%\"", 1, 0)]
    [InlineData("both would be nothing: one may be unavailable", 1, "0", "\"25%\"", 0, 1)]
    [InlineData("numbers", 5, "2", "1", 2, 1)]
    [InlineData("more unavailable than there are", 2, "0", "5", 0, 2)]
    [InlineData("of none", 0, "\"25%\"", "\"25%\"", 0, 0)]
    public void Fenceposts_resolve_percentages(string because, int replicas, string surge, string unavailable, int expectedSurge, int expectedUnavailable)
    {
        Assert.NotEmpty(because);
        var deployment = Tree($$$"""{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":{{{surge}}},"maxUnavailable":{{{unavailable}}} } } } }""");
        Assert.Equal(new Fenceposts(expectedSurge, expectedUnavailable), Fenceposts.Of(deployment, replicas));
    }

    [Theory]
    [InlineData("the surge is all there is room for", 4, 1, 0, 4, 1)]
    [InlineData("room that was made is used", 4, 1, 1, 4, 2)]
    [InlineData("never more than wanted", 4, 4, 2, 4, 4)]
    [InlineData("no room: as it is", 4, 1, 2, 5, 2)]
    public void The_new_set_grows_as_far_as_there_is_room(string because, int wanted, int surge, int now, int all, int expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, RollingUpdate.NewSetReplicas(wanted, new Fenceposts(surge, 0), now, all));
    }

    [Theory]
    [InlineData("nothing goes while the new Pod is not available", 10, 3, 2, "3/0", "10/10", "8")]
    [InlineData("two may be unavailable at once", 10, 0, 2, "0/0", "10/10", "8")]
    [InlineData("those that serve nobody go first", 10, 3, 2, "2/0", "8/4 3/3", "5")]
    [InlineData("a crash loop of the new set stops it", 10, 3, 2, "5/0", "8/8", "")]
    [InlineData("rolled back: what never came up goes", 10, 3, 2, "8/8", "5/0", "0")]
    [InlineData("all new ones serve: the rest goes", 4, 1, 1, "4/4", "1/1", "0")]
    [InlineData("of one set first what serves nobody, then what serves: two steps", 10, 3, 2, "3/0", "10/9", "9, 8")]
    [InlineData("of two sets the broken one first", 10, 3, 2, "0/0", "10/10 3/0", "old1: 0, old0: 8")]
    [InlineData("one ready new one serves in the place of an old one", 2, 1, 0, "1/1", "2/2", "1")]
    [InlineData("it has shrunk and grown since it said so: nobody knows", 2, 1, 0, "1/1?", "2/2", "")]
    [InlineData("so has the old one", 4, 1, 0, "2/2", "3/3?", "")]
    [InlineData("what serves nobody goes all the same", 4, 1, 0, "2/2", "3/2?", "2")]
    public void Old_sets_shrink_as_far_as_enough_remain(string because, int wanted, int surge, int unavailable, string newSet, string oldSets, string expected)
    {
        Assert.NotEmpty(because);
        var old = oldSets.Split(' ').Select((text, i) => Set($"old{i}", text)).ToList();
        var scales = RollingUpdate.OldSets(wanted, new Fenceposts(surge, unavailable), Set("new", newSet), old);
        Assert.Equal(expected, string.Join(", ", scales.Select(s => expected.Contains(':') ? $"{s.Set.Name}: {s.Replicas}" : $"{s.Replicas}")));
    }

    [Theory]
    [InlineData("one active set gets it all", 5, "3/3", "0/0", "new→5")]
    [InlineData("grown by half: each by half, what is left over goes to the larger", 15, "5/5", "5/5", "new→8 old0→7")]
    [InlineData("shrunk to half: the rest is taken from the older", 5, "5/5", "5/5", "new→3 old0→2")]
    [InlineData("to none", 0, "5/5", "5/5", "new→0 old0→0")]
    public void A_scaled_rollout_scales_in_proportion(string because, int wanted, string newSet, string oldSet, string expected)
    {
        Assert.NotEmpty(because);
        List<ReplicaSetView> sets = [Set("new", newSet, max: 10), Set("old0", oldSet, max: 10)];
        var scales = ProportionalScaling.Decide(wanted, new Fenceposts(0, 0), sets[0], sets);
        Assert.Equal(expected, string.Join(' ', scales.OrderBy(s => s.Set.Name).Select(s => $"{s.Set.Name}→{s.Replicas}")));
    }

    /// <param name="sets">Replicas of each, the newest first.</param>
    [Theory]
    [InlineData("twice as many: twice as many of each", 10, 0, 5, "2 3", "4 6")]
    [InlineData("fewer: the rounded part of each, the largest makes up for the rest", 3, 0, 5, "2 3", "1 2")]
    [InlineData("a small one may be rounded away", 4, 0, 9, "8 1", "4 0")]
    [InlineData("three sets grow", 10, 0, 7, "2 3 2", "3 4 3")]
    [InlineData("three sets shrink", 8, 0, 13, "2 8 3", "1 5 2")]
    [InlineData("one more: of equals the newest", 4, 0, 3, "1 1 1", "2 1 1")]
    [InlineData("one fewer: of equals the oldest", 2, 0, 3, "1 1 1", "1 1 0")]
    [InlineData("the surge counts", 20, 2, 12, "6 6", "11 11")]
    [InlineData("another surge and another number", 50, 6, 13, "5 8", "22 34")]
    [InlineData("told of more than there are", 5, 0, 5, "2 1 1", "3 1 1")]
    [InlineData("three sets to none", 0, 0, 6, "3 2 1", "0 0 0")]
    [InlineData("from none: all to the newest", 6, 0, 6, "0 0 0", "6 0 0")]
    public void Sets_keep_their_shares(string because, int wanted, int surge, int before, string sets, string expected)
    {
        Assert.NotEmpty(because);
        var all = sets.Split(' ').Select((replicas, i) => Set($"set{i}", $"{replicas}/{replicas}", max: before, day: 9 - i)).ToList();
        var scaled = ProportionalScaling.Decide(wanted, new Fenceposts(surge, 0), all[0], all).ToDictionary(s => s.Set.Name, s => s.Replicas);
        Assert.Equal(expected, string.Join(' ', all.Select(s => scaled.GetValueOrDefault(s.Name, s.Replicas))));
    }

    [Fact]
    public void With_Recreate_sets_side_by_side_are_left_alone()
    {
        List<ReplicaSetView> sets = [Set("new", "5/5", max: 10), Set("old0", "5/5", max: 10)];
        Assert.Empty(ProportionalScaling.Decide(20, new Fenceposts(0, 0), sets[0], sets, isRolling: false));
    }

    [Fact]
    public void A_saturated_new_set_lets_the_adopted_ones_go()
    {
        List<ReplicaSetView> sets = [Set("new", "5/5", desired: 5, max: 5), Set("old0", "2/2")];
        Assert.Equal([("old0", 0)], ProportionalScaling.Decide(5, new Fenceposts(0, 0), sets[0], sets).Select(s => (s.Set.Name, s.Replicas)));
    }

    [Fact]
    public void A_new_set_of_full_size_that_serves_nobody_lets_nothing_go()
    {
        List<ReplicaSetView> sets = [Set("new", "2/0", desired: 2, max: 3), Set("old0", "1/1", desired: 2, max: 3)];
        Assert.All(ProportionalScaling.Decide(2, new Fenceposts(1, 1), sets[0], sets), s => Assert.Equal(s.Set.Replicas, s.Replicas));
    }

    [Fact]
    public void Templates_of_a_thousand_versions_have_a_thousand_hashes_and_another_after_each_collision()
    {
        var templates = Enumerable.Range(0, 1000).Select(i => Tree($$$"""{"metadata":{"labels":{"app":"cats"} },"spec":{"containers":[{"name":"cats","image":"registry/cats:v0.{{{i}}}.0"}]} }""")).ToList();
        var hashes = templates.Select(t => TemplateHash.Of(t, null)).Concat(Enumerable.Range(1, 9).Append(int.MaxValue).Select(c => TemplateHash.Of(templates[0], c))).ToList();
        Assert.Equal(hashes.Count, hashes.Distinct().Count());
        Assert.All(hashes, h => Assert.Matches("^[a-z0-9]{1,10}$", h));
    }

    /// <param name="one">Labels of a template's metadata.</param>
    [Theory]
    [InlineData("other hashes", """{"pod-template-hash":"1","a":"b"}""", """{"pod-template-hash":"2","a":"b"}""", true)]
    [InlineData("only one has a hash", """{"a":"b"}""", """{"pod-template-hash":"2","a":"b"}""", true)]
    [InlineData("one has another label instead of the hash", """{"a":"b"}""", """{"pod-template-hash":"2"}""", false)]
    [InlineData("one has another label besides", """{"pod-template-hash":"1"}""", """{"pod-template-hash":"1","a":"b"}""", false)]
    public void Templates_are_the_same_but_for_the_hash(string because, string one, string other, bool isSame)
    {
        Assert.NotEmpty(because);
        var (left, right) = (Of(one), Of(other));
        Assert.Equal((isSame, isSame), (TemplateHash.IsSameTemplate(left, right), TemplateHash.IsSameTemplate(right, left)));
        right["spec"] = new JsonObject { ["nodeName"] = "n" };
        Assert.False(TemplateHash.IsSameTemplate(left, right));

        static JsonObject Of(string labels) => Tree($$$"""{"metadata":{"labels":{{{labels}}} },"spec":{} }""");
    }

    [Theory]
    [InlineData(null, 3, "3")]
    [InlineData("1,2", 3, "1,2,3")]
    [InlineData("", 0, "0")]
    public void A_set_remembers_the_revisions_it_was(string? known, long revision, string expected) => Assert.Equal(expected, DeploymentAnnotations.History(known, revision));

    [Fact]
    public void Of_many_revisions_the_oldest_are_forgotten()
    {
        var known = string.Join(',', Enumerable.Range(1000, 400));
        var history = DeploymentAnnotations.History(known, 2000)!;
        Assert.InRange(history.Length, 1990, 2000);
        Assert.EndsWith(",1399,2000", history);
    }

    [Fact]
    public void A_long_name_loses_its_end_and_keeps_its_hash()
    {
        var name = Rollout.NameOfSet(new string('a', 253), "bcdf");
        Assert.Equal(253, name.Length);
        Assert.EndsWith("a-bcdf", name);
    }

    [Theory]
    [InlineData("1 3 2", 2)]
    [InlineData("1", 0)]
    [InlineData("", 0)]
    public void The_last_revision_is_the_one_before_the_newest(string revisions, long expected) => Assert.Equal(expected, Rollback.LastRevision(
        revisions.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(r => ReplicaSetView.Of(Model<V1ReplicaSet>($$$"""{"metadata":{"name":"s{{{r}}}","annotations":{"deployment.kubernetes.io/revision":"{{{r}}}"}},"spec":{}}""")))));

    /// <param name="text">Replicas and available ones; with a question mark it has not seen yet how many it is to have.</param>
    private static ReplicaSetView Set(string name, string text, int? desired = null, int? max = null, int? day = null)
    {
        var numbers = text.TrimEnd('?').Split('/');
        var annotations = new JsonObject();
        if (desired is { } d) annotations["deployment.kubernetes.io/desired-replicas"] = $"{d}";
        if (max is { } m) annotations["deployment.kubernetes.io/max-replicas"] = $"{m}";
        return ReplicaSetView.Of(Model<V1ReplicaSet>($$$"""
            {"metadata":{"name":"{{{name}}}","namespace":"d","generation":3,"creationTimestamp":"2024-01-0{{{day ?? (name == "new" ? 2 : 1)}}}T00:00:00Z","annotations":{{{annotations.ToJsonString()}}} },
             "spec":{"replicas":{{{numbers[0]}}} },"status":{"observedGeneration":{{{(text.EndsWith('?') ? 2 : 3)}}},"replicas":{{{numbers[0]}}},"availableReplicas":{{{numbers[1]}}},"readyReplicas":{{{numbers[1]}}} } }
            """));
    }
}
