using System.Text.Json.Nodes;
using Bramble.Controllers.Jobs;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Jobs;

/// <summary>Whether a Job is over, which Pods it makes and removes, and how it counts them.</summary>
/// <remarks>Jobs are written as the fields of their spec, Pods as "name:phase" with words after further colons: "0" to "9" its index, "going" told to go, "loose" without
/// the finalizer, "f2" the index failed twice before, "10s" ended (or made) so long ago, "ready".</remarks>
public sealed class JobViewTests
{
    private const string Indexed = "\"completionMode\":\"Indexed\",";
    private const string FailJob = "\"podFailurePolicy\":{\"rules\":[{\"action\":\"FailJob\",\"onPodConditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\"}]}]},";
    private const string Ignore = "\"podFailurePolicy\":{\"rules\":[{\"action\":\"Ignore\",\"onPodConditions\":[{\"type\":\"DisruptionTarget\",\"status\":\"True\"}]}]},";
    private const string TooMany = "FailureTarget BackoffLimitExceeded: Job has reached the specified backoff limit";
    private const string TooLate = "FailureTarget DeadlineExceeded: Job was active longer than specified deadline";
    private const string Reached = "SuccessCriteriaMet CompletionsReached: Reached expected number of succeeded pods";

    [Theory]
    [InlineData("new", "\"completions\":1", "", "", null)]
    [InlineData("as many failures as are allowed", "\"completions\":1,\"backoffLimit\":2", "\"failed\":1", "a:Failed", null)]
    [InlineData("one more", "\"completions\":1,\"backoffLimit\":2", "\"failed\":2", "a:Failed", TooMany)]
    [InlineData("those whose counting is not over yet count", "\"completions\":1,\"backoffLimit\":0", "\"uncountedTerminatedPods\":{\"failed\":[\"x\"]}", "", TooMany)]
    [InlineData("once", "\"completions\":1,\"backoffLimit\":1", "\"uncountedTerminatedPods\":{\"failed\":[\"uid-a\"]}", "a:Failed", null)]
    [InlineData("what nobody tracks is counted already", "\"completions\":1,\"backoffLimit\":0", "", "a:Failed:loose", null)]
    [InlineData("six when nothing is said", "\"completions\":1", "\"failed\":6", "a:Failed", TooMany)]
    [InlineData("a Pod that is told to go has failed", "\"completions\":1,\"backoffLimit\":0", "", "a:Running:going", TooMany)]
    [InlineData("but not if its end is waited for", "\"completions\":1,\"backoffLimit\":0,\"podReplacementPolicy\":\"Failed\"", "", "a:Running:going", null)]
    [InlineData("what its policy ignores does not count", Ignore + "\"backoffLimit\":0", "", "a:Failed:disrupted", null)]
    [InlineData("its policy fails it", FailJob + "\"completions\":1", "", "a:Failed:disrupted", "FailureTarget PodFailurePolicy: Pod d/a has condition DisruptionTarget matching FailJob rule at index 0")]
    [InlineData("its policy before the limit", FailJob + "\"backoffLimit\":0", "", "a:Failed:disrupted", "FailureTarget PodFailurePolicy: Pod d/a has condition DisruptionTarget matching FailJob rule at index 0")]
    [InlineData("restarts inside", "\"template\":{\"spec\":{\"restartPolicy\":\"OnFailure\"}},\"backoffLimit\":3", "", "a:Running:restarts2 b:Pending:restarts1", TooMany)]
    [InlineData("fewer", "\"template\":{\"spec\":{\"restartPolicy\":\"OnFailure\"}},\"backoffLimit\":3", "", "a:Running:restarts2", null)]
    [InlineData("of what has ended they do not count", "\"template\":{\"spec\":{\"restartPolicy\":\"OnFailure\"}},\"backoffLimit\":3", "", "a:Succeeded:restarts3", null)]
    [InlineData("none is allowed and there is none", "\"template\":{\"spec\":{\"restartPolicy\":\"OnFailure\"}},\"backoffLimit\":0", "", "a:Running", null)]
    [InlineData("none is allowed", "\"template\":{\"spec\":{\"restartPolicy\":\"OnFailure\"}},\"backoffLimit\":0", "", "a:Running:restarts1", TooMany)]
    [InlineData("its time is not over", "\"activeDeadlineSeconds\":61", "\"startTime\":\"2024-01-01T11:59:00Z\"", "", null)]
    [InlineData("its time is over", "\"activeDeadlineSeconds\":60", "\"startTime\":\"2024-01-01T11:59:00Z\"", "", TooLate)]
    [InlineData("while it is suspended no time passes", "\"activeDeadlineSeconds\":60,\"suspend\":true", "\"startTime\":\"2024-01-01T11:59:00Z\"", "", null)]
    [InlineData("one that begins now has its whole time", "\"activeDeadlineSeconds\":60", "", "", null)]
    [InlineData("more indexes failed than are allowed", Indexed + "\"completions\":4,\"backoffLimitPerIndex\":0,\"maxFailedIndexes\":1", "\"failedIndexes\":\"0\"", "a:Failed:1",
        "FailureTarget MaxFailedIndexesExceeded: Job has exceeded the specified maximal number of failed indexes")]
    [InlineData("an index that has attempts left has not failed", Indexed + "\"completions\":4,\"backoffLimitPerIndex\":1,\"maxFailedIndexes\":0", "", "a:Failed:1", null)]
    [InlineData("it has none left", Indexed + "\"completions\":4,\"backoffLimitPerIndex\":1,\"maxFailedIndexes\":0", "", "a:Failed:1:f1",
        "FailureTarget MaxFailedIndexesExceeded: Job has exceeded the specified maximal number of failed indexes")]
    [InlineData("all indexes are done, some failed", Indexed + "\"completions\":2,\"backoffLimitPerIndex\":0", "\"completedIndexes\":\"0\"", "a:Failed:1", "FailureTarget FailedIndexes: Job has failed indexes")]
    [InlineData("one is still to come", Indexed + "\"completions\":3,\"backoffLimitPerIndex\":0", "\"completedIndexes\":\"0\"", "a:Failed:1", null)]
    [InlineData("enough by its policy", Indexed + "\"completions\":3,\"successPolicy\":{\"rules\":[{\"succeededCount\":1}]}", "", "a:Succeeded:2", "SuccessCriteriaMet SuccessPolicy: Matched rules at index 0")]
    [InlineData("failures before success", Indexed + "\"completions\":3,\"backoffLimit\":0,\"successPolicy\":{\"rules\":[{\"succeededCount\":1}]}", "", "a:Succeeded:2 b:Failed:1", TooMany)]
    [InlineData("indexes beyond its end are nobody's", Indexed + "\"completions\":1,\"backoffLimit\":0", "", "a:Failed:3", null)]
    [InlineData("a success that was told stays", "\"completions\":2,\"backoffLimit\":0", "\"conditions\":[{\"type\":\"SuccessCriteriaMet\",\"status\":\"True\",\"reason\":\"r\",\"message\":\"m\"}]", "a:Failed", "SuccessCriteriaMet r: m")]
    [InlineData("a failure that was told stays", "\"completions\":2", "\"conditions\":[{\"type\":\"FailureTarget\",\"status\":\"True\",\"reason\":\"r\",\"message\":\"m\"}]", "", "Failed r: m")]
    [InlineData("one that was taken back does not", "\"completions\":2", "\"conditions\":[{\"type\":\"FailureTarget\",\"status\":\"False\",\"reason\":\"r\",\"message\":\"m\"}]", "", null)]
    public void Verdict(string because, string spec, string status, string pods, string? expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, Text(JobVerdict.Decide(View(spec, status, pods))));
    }

    [Theory]
    [InlineData("as many as it wants", "\"completions\":2", "\"succeeded\":2", 0, Reached)]
    [InlineData("one is at work still", "\"completions\":2", "\"succeeded\":2", 1, null)]
    [InlineData("fewer", "\"completions\":2", "\"succeeded\":1", 0, null)]
    [InlineData("it wants none", "\"completions\":0", "", 0, Reached)]
    [InlineData("one success is enough where nobody said how many", "\"parallelism\":3", "\"succeeded\":1", 0, Reached)]
    [InlineData("when the others have ended", "\"parallelism\":3", "\"succeeded\":1", 1, null)]
    [InlineData("without one it goes on", "\"parallelism\":3", "", 0, null)]
    [InlineData("each index once", Indexed + "\"completions\":3", "\"succeeded\":3,\"completedIndexes\":\"0,1\"", 0, null)]
    public void After_its_Pods(string because, string spec, string status, int active, string? expected)
    {
        Assert.NotEmpty(because);
        Assert.Equal(expected, Text(JobVerdict.AfterPods(View(spec, status, ""), active)));
    }

    /// <param name="failures">Before this look; the last ended 4 seconds ago.</param>
    /// <param name="expected">"+" and what is made (indexes, or how many), "-" and what goes, or how long the next ones wait.</param>
    [Theory]
    [InlineData("new", "\"parallelism\":2,\"completions\":5", "", "", 0, "+2")]
    [InlineData("nobody said how many", "\"completions\":5", "", "", 0, "+1")]
    [InlineData("as many as are missing", "\"parallelism\":4,\"completions\":5", "\"succeeded\":3", "a:Running", 0, "+1")]
    [InlineData("as many as run at once", "\"parallelism\":2,\"completions\":5", "", "a:Running b:Pending", 0, "")]
    [InlineData("more than run at once: the youngest go", "\"parallelism\":1,\"completions\":5", "", "a:Running:60s b:Running:5s", 0, "-b")]
    [InlineData("more than are needed", "\"parallelism\":3,\"completions\":3", "\"succeeded\":2", "a:Running:60s b:Running:5s", 0, "-b")]
    [InlineData("more than it wants have succeeded", "\"parallelism\":3,\"completions\":3", "\"succeeded\":5", "a:Running", 0, "-a")]
    [InlineData("none is wanted at once", "\"parallelism\":0,\"completions\":3", "", "a:Running", 0, "-a")]
    [InlineData("workers: after the first success none is made", "\"parallelism\":3", "\"succeeded\":1", "a:Running", 0, "")]
    [InlineData("workers: before it as many as run at once", "\"parallelism\":3", "", "a:Running", 0, "+2")]
    [InlineData("suspended: all go", "\"parallelism\":3,\"completions\":3,\"suspend\":true", "", "a:Running b:Pending", 0, "-a b")]
    [InlineData("suspended: none is made", "\"parallelism\":3,\"completions\":3,\"suspend\":true", "", "", 0, "")]
    [InlineData("a Job that goes makes none", "deleted", "", "", 0, "")]
    [InlineData("a Job that goes removes none", "deleted", "", "a:Running b:Running", 0, "")]
    [InlineData("what ends is replaced at once", "\"parallelism\":1,\"completions\":1", "", "a:Running:going:loose", 0, "+1")]
    [InlineData("what ends is waited for", "\"parallelism\":1,\"completions\":1,\"podReplacementPolicy\":\"Failed\"", "", "a:Running:going", 0, "")]
    [InlineData("with a failure policy too", Ignore + "\"parallelism\":2,\"completions\":2", "", "a:Running:going", 0, "+1")]
    [InlineData("after a failure the next ones wait", "\"parallelism\":2,\"completions\":2", "", "a:Running", 1, "wait 6")]
    [InlineData("after two twice as long", "\"parallelism\":2,\"completions\":2", "", "a:Running", 2, "wait 16")]
    [InlineData("a failure that is new", "\"parallelism\":2,\"completions\":2", "", "a:Failed:3s", 0, "wait 7")]
    [InlineData("a success that is new ends the waiting", "\"parallelism\":2,\"completions\":2", "", "a:Succeeded:1s", 3, "+1")]
    [InlineData("what goes is not put off", "\"parallelism\":1,\"completions\":5", "", "a:Running:60s b:Running:5s", 1, "-b")]
    [InlineData("indexes in their order", Indexed + "\"parallelism\":3,\"completions\":5", "\"completedIndexes\":\"1\"", "a:Running:0", 0, "+2 3")]
    [InlineData("the last ones", Indexed + "\"parallelism\":3,\"completions\":3", "\"completedIndexes\":\"0\"", "a:Running:2", 0, "+1")]
    [InlineData("an index that is done already in a Pod that is not counted", Indexed + "\"parallelism\":3,\"completions\":3", "", "a:Succeeded:0", 0, "+1 2")]
    [InlineData("an index twice: the younger goes", Indexed + "\"parallelism\":3,\"completions\":3", "", "a:Running:0:60s b:Running:0:5s", 0, "-b")]
    [InlineData("an index that is none", Indexed + "\"parallelism\":3,\"completions\":3", "", "a:Running:7 b:Running", 0, "-a b")]
    [InlineData("an index that ends is made anew at once", Indexed + "\"parallelism\":2,\"completions\":2", "", "a:Running:0:going:loose", 0, "+0 1")]
    [InlineData("an index that ends is waited for", Indexed + "\"parallelism\":2,\"completions\":2,\"podReplacementPolicy\":\"Failed\"", "", "a:Running:0:going", 0, "+1")]
    [InlineData("an index that has failed for good is not made again", Indexed + "\"parallelism\":2,\"completions\":3,\"backoffLimitPerIndex\":0", "\"failedIndexes\":\"0\"", "", 0, "+1 2")]
    [InlineData("an index waits for itself", Indexed + "\"parallelism\":2,\"completions\":3,\"backoffLimitPerIndex\":5", "", "a:Failed:0:4s", 9, "+1")]
    [InlineData("all indexes wait: for the first", Indexed + "\"parallelism\":2,\"completions\":2,\"backoffLimitPerIndex\":5", "", "a:Failed:0:4s b:Failed:1:f1:4s", 0, "wait 6")]
    [InlineData("the last Pod of an index says how long", Indexed + "\"parallelism\":1,\"completions\":1,\"backoffLimitPerIndex\":5", "", "a:Failed:0:30s b:Failed:0:f1:4s", 0, "wait 16")]
    [InlineData("of failures without a limit for each index all wait", Indexed + "\"parallelism\":2,\"completions\":2", "", "a:Failed:0:4s", 0, "wait 6")]
    public void Plan(string because, string spec, string status, string pods, int failures, string expected)
    {
        Assert.NotEmpty(because);
        var plan = JobPlan.Decide(View(spec, status, pods, failures));
        Assert.Equal(expected, plan.Removes.Count > 0 ? "-" + string.Join(' ', plan.Removes.Select(p => p.Metadata.Name).Order())
            : plan.Wait is { } wait ? $"wait {wait.TotalSeconds}"
            : plan.Creates.Count == 0 ? ""
            : "+" + (plan.Creates[0] is null ? $"{plan.Creates.Count}" : string.Join(' ', plan.Creates)));
    }

    [Theory]
    [InlineData(1000, 0, 500, 0)]
    [InlineData(0, 700, 0, 500)]
    public void Five_hundred_at_a_time(int parallelism, int active, int made, int removed)
    {
        var plan = JobPlan.Decide(View($"\"parallelism\":{parallelism},\"completions\":5000", "", string.Join(' ', Enumerable.Range(0, active).Select(i => $"p{i}:Running"))));
        Assert.Equal((made, removed), (plan.Creates.Count, plan.Removes.Count));
    }

    /// <param name="verdict">"", "success" or "failure".</param>
    /// <param name="releasing">The Pods whose finalizers go.</param>
    /// <param name="expected">The status then.</param>
    /// <param name="after">The status when they are gone.</param>
    [Theory]
    [InlineData("at work", "\"completions\":1", "", "a:Running", "", "", "{}", "{}")]
    [InlineData("ended", "\"completions\":3", "\"succeeded\":1", "a:Succeeded b:Failed", "", "a b", """{"succeeded":1,"uncounted":{"succeeded":["uid-a"],"failed":["uid-b"]}}""", """{"succeeded":2,"failed":1}""")]
    [InlineData("what was noted before is not noted twice", "\"completions\":3", "\"uncountedTerminatedPods\":{\"succeeded\":[\"uid-a\"]}", "a:Succeeded", "", "a", """{"uncounted":{"succeeded":["uid-a"]}}""", """{"succeeded":1}""")]
    [InlineData("what was noted and is gone is counted", "\"completions\":3", "\"succeeded\":1,\"uncountedTerminatedPods\":{\"succeeded\":[\"x\"],\"failed\":[\"y\"]}", "", "", "", """{"succeeded":2,"failed":1}""", """{"succeeded":2,"failed":1}""")]
    [InlineData("noted, and the finalizer is gone", "\"completions\":3", "\"uncountedTerminatedPods\":{\"succeeded\":[\"uid-a\"]}", "a:Succeeded:loose", "", "", """{"succeeded":1}""", """{"succeeded":1}""")]
    [InlineData("nobody tracks it", "\"completions\":3", "", "a:Succeeded:loose", "", "", "{}", "{}")]
    [InlineData("what its policy ignores goes uncounted", Ignore + "\"completions\":3", "", "a:Failed:disrupted b:Failed", "", "a b", """{"uncounted":{"failed":["uid-b"]}}""", """{"failed":1}""")]
    [InlineData("told to go is failed", "\"completions\":3", "", "a:Running:going", "", "a", """{"uncounted":{"failed":["uid-a"]}}""", """{"failed":1}""")]
    [InlineData("noted as failed and succeeded after all: failed once", "\"completions\":3", "\"uncountedTerminatedPods\":{\"failed\":[\"uid-a\"]}", "a:Succeeded", "", "a", """{"uncounted":{"failed":["uid-a"]}}""", """{"failed":1}""")]
    [InlineData("told to go is waited for", "\"completions\":3,\"podReplacementPolicy\":\"Failed\"", "", "a:Running:going", "", "", "{}", "{}")]
    [InlineData("a Job that failed counts all as failed", "\"completions\":3", "", "a:Running b:Succeeded", "failure", "a b", """{"uncounted":{"succeeded":["uid-b"],"failed":["uid-a"]}}""", """{"succeeded":1,"failed":1}""")]
    [InlineData("a Job that succeeded does not", "\"completions\":1,\"podReplacementPolicy\":\"Failed\"", "", "a:Running b:Succeeded", "success", "a b", """{"uncounted":{"succeeded":["uid-b"]}}""", """{"succeeded":1}""")]
    [InlineData("a Job that goes lets all go", "deleted", "", "a:Running", "", "a", "{}", "{}")]
    [InlineData("indexes are counted at once", Indexed + "\"completions\":5", "\"succeeded\":1,\"completedIndexes\":\"0\"", "a:Succeeded:1 b:Succeeded:2", "", "a b", """{"succeeded":3,"completedIndexes":"0-2"}""", """{"succeeded":3,"completedIndexes":"0-2"}""")]
    [InlineData("each once", Indexed + "\"completions\":5", "\"succeeded\":1,\"completedIndexes\":\"0\"", "a:Succeeded:0", "", "a", """{"succeeded":1,"completedIndexes":"0"}""", """{"succeeded":1,"completedIndexes":"0"}""")]
    [InlineData("an index beyond the end is let go", Indexed + "\"completions\":2", "", "a:Succeeded:7 b:Failed:8", "", "a b", "{}", "{}")]
    [InlineData("a Job that was made smaller counts those that are left", Indexed + "\"completions\":2", "\"succeeded\":3,\"completedIndexes\":\"0-2\"", "", "", "", """{"succeeded":2,"completedIndexes":"0,1"}""", """{"succeeded":2,"completedIndexes":"0,1"}""")]
    [InlineData("the last failed Pod of an index waits for its successor", Indexed + "\"completions\":2,\"backoffLimitPerIndex\":3", "", "a:Failed:0:30s b:Failed:0:f1:4s", "", "a", """{"failedIndexes":"","uncounted":{"failed":["uid-a"]}}""", """{"failed":1,"failedIndexes":""}""")]
    [InlineData("it has one", Indexed + "\"completions\":2,\"backoffLimitPerIndex\":3", "", "a:Failed:0:30s b:Running:0:f1", "", "a", """{"failedIndexes":"","uncounted":{"failed":["uid-a"]}}""", """{"failed":1,"failedIndexes":""}""")]
    [InlineData("it will have none", Indexed + "\"completions\":2,\"backoffLimitPerIndex\":1", "", "a:Failed:0:f1", "", "a", """{"failedIndexes":"0","uncounted":{"failed":["uid-a"]}}""", """{"failed":1,"failedIndexes":"0"}""")]
    public void Count(string because, string spec, string status, string pods, string verdict, string releasing, string expected, string after)
    {
        Assert.NotEmpty(because);
        var view = View(spec, status, pods);
        var written = view.Status.DeepClone().AsObject();
        var count = new JobCount(view, verdict switch { "success" => new("SuccessCriteriaMet", "r", "m"), "failure" => new("FailureTarget", "r", "m"), _ => null }, written);
        Assert.Equal(releasing, string.Join(' ', count.Releasing.Select(p => p.Metadata.Name)));
        Assert.Equal(Tree(expected).ToJsonString(), Counts(written));
        Assert.Equal(!expected.Contains("uncounted", StringComparison.Ordinal), count.IsDone);
        count.Released(view.Pods.Select(p => p.Metadata.Uid).Except(count.Releasing.Select(p => p.Metadata.Uid)).ToHashSet());
        Assert.Equal(Tree(after).ToJsonString(), Counts(written));
        Assert.True(count.IsDone);
    }

    [Fact]
    public void A_status_names_five_hundred_at_once()
    {
        var view = View("\"completions\":2000", "", string.Join(' ', Enumerable.Range(0, 600).Select(i => $"p{i}:Succeeded")));
        var count = new JobCount(view, null, view.Status);
        Assert.Equal((500, true, false), (count.Releasing.Count, count.IsFull, count.IsDone));
    }

    private static string? Text(JobVerdict? verdict) => verdict is null ? null : $"{verdict.Type} {verdict.Reason}: {verdict.Message}";

    private static string Counts(JsonObject status)
    {
        var shown = new JsonObject();
        foreach (var field in (string[])["succeeded", "failed", "completedIndexes", "failedIndexes"])
            if (status[field] is { } value) shown[field] = value.DeepClone();
        if (status["uncountedTerminatedPods"] is JsonObject { Count: > 0 } uncounted) shown["uncounted"] = uncounted.DeepClone();
        return shown.ToJsonString();
    }

    private static JobView View(string spec, string status, string pods, int failures = 0)
    {
        var isDeleted = spec == "deleted";
        var template = spec.Contains("\"template\"", StringComparison.Ordinal) ? "" : ",\"template\":{\"spec\":{}}";
        var job = Model<V1Job>("{\"metadata\":{\"name\":\"j\",\"namespace\":\"d\"" + (isDeleted ? ",\"deletionTimestamp\":\"2024-01-01T12:00:00Z\"" : "") + "},\"spec\":{" + (isDeleted ? "\"parallelism\":1,\"completions\":1" : spec) + template + "}}");
        return new JobView(job, Tree("{" + status + "}"), [.. pods.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Pod)], failures == 0 ? default : new JobBackOff(failures, Noon.AddSeconds(-4)), Noon);
    }

    private static V1Pod Pod(string text)
    {
        var (words, ago, index, failures, restarts) = (text.Split(':'), 3600, "", "", "");
        bool isTracked = true, isGoing = false, isDisrupted = false;
        foreach (var word in words.Skip(2))
        {
            if (word == "loose") isTracked = false;
            else if (word == "going") isGoing = true;
            else if (word == "disrupted") isDisrupted = true;
            else if (word.StartsWith("restarts", StringComparison.Ordinal)) restarts = word["restarts".Length..];
            else if (word[0] == 'f') failures = word[1..];
            else if (word[^1] == 's') ago = int.Parse(word[..^1]);
            else index = word;
        }
        var at = $"{Noon.AddSeconds(-ago):yyyy-MM-ddTHH:mm:ssZ}";
        return Model<V1Pod>($$$"""
            {"metadata":{"name":"{{{words[0]}}}","namespace":"d","uid":"uid-{{{words[0]}}}","creationTimestamp":"{{{at}}}","finalizers":[{{{(isTracked ? "\"batch.kubernetes.io/job-tracking\"" : "")}}}],
              "annotations":{ "x":"" {{{(index.Length > 0 ? $",\"batch.kubernetes.io/job-completion-index\":\"{index}\"" : "")}}} {{{(failures.Length > 0 ? $",\"batch.kubernetes.io/job-index-failure-count\":\"{failures}\"" : "")}}} }
              {{{(isGoing ? ",\"deletionTimestamp\":\"2024-01-01T12:00:00Z\"" : "")}}} },
             "spec":{ },"status":{"phase":"{{{words[1]}}}","conditions":[{{{(isDisrupted ? "{\"type\":\"DisruptionTarget\",\"status\":\"True\"}" : "")}}}]
              {{{(restarts.Length > 0 ? $",\"containerStatuses\":[{{\"name\":\"c\",\"restartCount\":{restarts}}}]" : "")}}} } }
            """);
    }
}
