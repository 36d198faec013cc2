using Bramble.Controllers.StatefulSets;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.StatefulSets;

public sealed class StatefulSetPlanTests
{
    /// <param name="pods">ordinal and state: r ready, n not ready, p pending, f failed, d going; a "2" after it: of the new revision.</param>
    [Theory]
    [InlineData("empty: the first one", "replicas: 3", "", "create 0*")]
    [InlineData("the next waits until the one before it serves", "replicas: 3", "0n", "")]
    [InlineData("the one before it serves", "replicas: 3", "0r", "mend 0; create 1*")]
    [InlineData("a pending one's claims are looked after", "replicas: 3", "0p", "claims 0")]
    [InlineData("a failed one makes room", "replicas: 2", "0f 1r", "delete 0")]
    [InlineData("one that goes is waited for", "replicas: 2", "0d 1r", "")]
    [InlineData("ready for too short a time", "replicas: 2, minReadySeconds: 30", "0r", "")]
    [InlineData("the first ordinal may be another", "replicas: 2, start: 5", "5r", "mend 5; create 6*")]
    [InlineData("Pods before the start go too", "replicas: 1, start: 5", "4r 5r", "mend 5; condemned 4; delete 4")]
    [InlineData("shrinking: the last one", "replicas: 1", "0r 1r 2r", "mend 0; condemned 2; condemned 1; delete 2")]
    [InlineData("shrinking waits for the one that goes", "replicas: 1", "0r 1r 2d", "mend 0; condemned 2; condemned 1")]
    [InlineData("shrinking waits until all that stay serve", "replicas: 2", "0r 1n 2r", "mend 0")]
    [InlineData("one that does not serve goes in its turn", "replicas: 1", "0r 1r 2n", "mend 0; condemned 2; condemned 1; delete 2")]
    [InlineData("not before one that does not serve either", "replicas: 1", "0r 1n 2n", "mend 0; condemned 2; condemned 1")]
    [InlineData("parallel: all at once", "replicas: 3, parallel", "", "create 0*; create 1*; create 2*")]
    [InlineData("parallel: all that are too many", "replicas: 1, parallel", "0n 1n 2r", "mend 0; condemned 2; condemned 1; delete 2; delete 1")]
    [InlineData("being deleted: nothing", "replicas: 3, deleted", "0r", "")]
    public void Steps(string because, string set, string pods, string expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, Decide(set, pods, "db-2", "db-2"));
    }

    [Theory]
    [InlineData("from the last one down", "replicas: 3", "0r 1r 2r", "update 2")]
    [InlineData("each after its successor serves", "replicas: 3", "0r 1r 2n2", "")]
    [InlineData("its successor serves", "replicas: 3", "0r 1r 2r2", "update 1")]
    [InlineData("not below the partition", "replicas: 3, partition: 2", "0r 1r 2r2", "")]
    [InlineData("the partition counts from the start", "replicas: 3, start: 5, partition: 2", "5r 6r 7r", "update 7")]
    [InlineData("OnDelete: nobody", "replicas: 3, OnDelete", "0r 1r 2r", "")]
    [InlineData("parallel: in order all the same", "replicas: 3, parallel", "0r 1r 2r", "update 2")]
    public void A_new_template_replaces_Pods(string because, string set, string pods, string expected)
    {
        Assert.NotEmpty(because);
        var steps = Decide(set, pods, "db-1", "db-2").Split("; ").Where(s => s.StartsWith("update", StringComparison.Ordinal));
        Assert.Equal(expected, string.Join("; ", steps));
    }

    [Theory]
    [InlineData("a lost Pod gets the new template", "replicas: 3", "1r 2r2", "create 0*")]
    [InlineData("but the old one below the partition", "replicas: 3, partition: 1", "1r 2r2", "create 0")]
    [InlineData("a partition that no number reaches", "replicas: 3, partition: 2147483647, start: 5", "6r 7r", "create 5")]
    [InlineData("no partition given: as many old ones as there still were", "replicas: 3, no rollingUpdate, current: 1", "1r 2r2", "create 0")]
    [InlineData("no partition given: from there on new ones", "replicas: 3, no rollingUpdate, current: 1", "0r 2r2", "mend 0; create 1*")]
    [InlineData("no partition given: they count from the start", "replicas: 3, no rollingUpdate, current: 1, start: 5", "6r 7r2", "create 5")]
    [InlineData("OnDelete: it was deleted to be updated", "replicas: 3, OnDelete", "1r 2r", "create 0*")]
    public void In_a_rollout_a_Pod_is_made_from(string because, string set, string pods, string expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, Decide(set, pods, "db-1", "db-2"));
    }

    /// <param name="steps">c create, r restore claims, m mend, n mend claims of one that goes, d delete, u delete for the update.</param>
    /// <param name="expected">Stages, with a bar between them; rows, with a blank.</param>
    [Theory]
    [InlineData("in order: one row", false, "cmcnd", "cmcnd")]
    [InlineData("replicas side by side", true, "ccm", "c c m")]
    [InlineData("claims before the rest of their Pod", true, "crmm", "c rm m")]
    [InlineData("then the claims of those that go, then these", true, "cmnndd", "c m|n n|d d")]
    [InlineData("one that failed goes beside the replicas that come", true, "cdm", "c d m")]
    [InlineData("the update last and one by one", true, "mmuu", "m m|u|u")]
    [InlineData("nothing", true, "", "")]
    public void Side_by_side(string because, bool isParallel, string steps, string expected)
    {
        Assert.NotEmpty(because);
        var pod = Pod("db-0");
        List<StatefulAction> actions = [.. steps.Select(s => s switch
        {
            'c' => new StatefulAction.Create(0, true),
            'r' => new StatefulAction.RestoreClaims(pod, 0),
            'm' => new StatefulAction.Mend(pod, 0),
            'n' => new StatefulAction.MendClaims(pod, 0),
            _ => (StatefulAction)new StatefulAction.Delete(pod, s == 'u'),
        })];
        Assert.Equal(expected, string.Join('|', StatefulStages.Of(actions, isParallel).Select(stage => string.Join(' ', stage.Select(row => string.Concat(row.Select(Letter)))))));

        static char Letter(StatefulAction action) => action switch
        {
            StatefulAction.Create => 'c',
            StatefulAction.RestoreClaims => 'r',
            StatefulAction.Mend => 'm',
            StatefulAction.MendClaims => 'n',
            StatefulAction.Delete { IsForUpdate: true } => 'u',
            _ => 'd',
        };
    }

    private static string Decide(string set, string pods, string current, string update)
    {
        var words = set.Split(", ").ToDictionary(w => w.Split(": ")[0], w => w.Contains(": ") ? w.Split(": ")[1] : "");
        var onDelete = words.ContainsKey("OnDelete");
        var model = Model<V1StatefulSet>($$$"""
            {"metadata":{"name":"db","namespace":"d" {{{(words.ContainsKey("deleted") ? ",\"deletionTimestamp\":\"2024-01-01T00:00:00Z\"" : "")}}} },
             "spec":{"replicas":{{{words["replicas"]}}},"minReadySeconds":{{{words.GetValueOrDefault("minReadySeconds", "0")}}},"ordinals":{"start":{{{words.GetValueOrDefault("start", "0")}}} },
              "podManagementPolicy":"{{{(words.ContainsKey("parallel") ? "Parallel" : "OrderedReady")}}}",
              "updateStrategy":{{{(onDelete ? "{\"type\":\"OnDelete\"}" : words.ContainsKey("no rollingUpdate") ? "{\"type\":\"RollingUpdate\"}" : $"{{\"type\":\"RollingUpdate\",\"rollingUpdate\":{{\"partition\":{words.GetValueOrDefault("partition", "0")}}}}}")}}} },
             "status":{"currentReplicas":{{{words.GetValueOrDefault("current", "0")}}},"replicas":3} }
            """);
        var list = pods.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text =>
        {
            var hash = current == update ? update : text.Length > 2 ? "db-2" : "db-1";
            return text[1] switch
            {
                'r' => Pod($"db-{text[0]}", ready: Noon.AddSeconds(-10), hash: hash),
                'n' => Pod($"db-{text[0]}", hash: hash),
                'p' => Pod($"db-{text[0]}", "Pending", hash: hash),
                'f' => Pod($"db-{text[0]}", "Failed", hash: hash),
                _ => Pod($"db-{text[0]}", ready: Noon.AddSeconds(-10), isBeingDeleted: true, hash: hash),
            };
        }).ToList();
        return string.Join("; ", StatefulSetPlan.Decide(model, list, current, update, Noon).Select(a => a switch
        {
            StatefulAction.Create(var ordinal, var isNew) => $"create {ordinal}{(isNew ? "*" : "")}",
            StatefulAction.Delete(var pod, true) => $"update {StatefulSetPlan.OrdinalOf(pod)}",
            StatefulAction.Delete(var pod, _) => $"delete {StatefulSetPlan.OrdinalOf(pod)}",
            StatefulAction.Mend(_, var ordinal) => $"mend {ordinal}",
            StatefulAction.RestoreClaims(_, var ordinal) => $"claims {ordinal}",
            StatefulAction.MendClaims(_, var ordinal) => $"condemned {ordinal}",
            _ => "?",
        }));
    }
}
