using System.Text.Json.Nodes;
using Bramble.Controllers.Deployments;
using Bramble.Controllers.Workloads;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Deployments;

public sealed class DeploymentStatusTests
{
    [Fact]
    public void A_complete_rollout_is_available_and_says_which_set_it_was()
    {
        var (status, wait) = DeploymentStatus.OfRollout(Deployment(2), Set("web-1", 2, 2), [Set("web-1", 2, 2)], null, Noon);
        Assert.Equal((2, 2, 2, 2), (Number(status, "replicas"), Number(status, "updatedReplicas"), Number(status, "readyReplicas"), Number(status, "availableReplicas")));
        Assert.Equal("True MinimumReplicasAvailable Deployment has minimum availability.", Condition(status, "Available"));
        Assert.Equal("True NewReplicaSetAvailable ReplicaSet \"web-1\" has successfully progressed.", Condition(status, "Progressing"));
        Assert.Null(wait);
        Assert.False(status.ContainsKey("unavailableReplicas"));
    }

    [Fact]
    public void Progress_moves_the_time_of_the_last_update_but_not_of_the_transition()
    {
        var deployment = Deployment(2, """{"replicas":2,"updatedReplicas":1,"conditions":[{"type":"Progressing","status":"True","reason":"ReplicaSetUpdated","lastUpdateTime":"2024-01-01T11:50:00Z","lastTransitionTime":"2024-01-01T11:40:00Z"}]}""");
        var (status, _) = DeploymentStatus.OfRollout(deployment, Set("web-1", 2, 0), [Set("web-1", 2, 0)], null, Noon);
        var condition = status.Condition("Progressing")!;
        Assert.Equal(("2024-01-01T12:00:00Z", "2024-01-01T11:40:00Z"), ((string?)condition["lastUpdateTime"], (string?)condition["lastTransitionTime"]));
        Assert.Equal("True ReplicaSetUpdated ReplicaSet \"web-1\" is progressing.", Condition(status, "Progressing"));
    }

    [Theory]
    [InlineData("ten minutes are not over", "11:50:01", "True ReplicaSetUpdated", 2)]
    [InlineData("ten minutes are over", "11:49:59", "False ProgressDeadlineExceeded", null)]
    [InlineData("half a minute is left: looked at a second later", "11:50:30", "True ReplicaSetUpdated", 31)]
    [InlineData("ten minutes are over this moment: in a second", "11:50:00", "True ReplicaSetUpdated", 1)]
    [InlineData("nobody wrote when", null, "False ProgressDeadlineExceeded", null)]
    public void Without_progress_the_deadline_counts_from_the_last_update(string because, string? lastUpdate, string expected, int? waitSeconds)
    {
        Assert.NotEmpty(because);
        var deployment = Deployment(2, $$$"""{"replicas":2,"updatedReplicas":2,"conditions":[{"type":"Progressing","status":"True","reason":"ReplicaSetUpdated","message":"m","lastUpdateTime":{{{(lastUpdate is null ? "null" : $"\"2024-01-01T{lastUpdate}Z\"")}}},"lastTransitionTime":"2024-01-01T11:40:00Z"}]}""");
        var (status, wait) = DeploymentStatus.OfRollout(deployment, Set("web-1", 2, 0), [Set("web-1", 2, 0)], null, Noon);
        Assert.StartsWith(expected, Condition(status, "Progressing"));
        Assert.Equal(waitSeconds, (int?)wait?.TotalSeconds);
    }

    /// <param name="before">Pods, new ones, ready ones, available ones.</param>
    [Theory]
    [InlineData("more new Pods", "10 4 4 4", "10 6 4 4", true)]
    [InlineData("the same", "10 4 4 4", "10 4 4 4", false)]
    [InlineData("old Pods went", "10 4 6 6", "8 4 6 6", true)]
    [InlineData("fewer new Pods", "10 7 3 3", "10 6 3 3", false)]
    [InlineData("fewer of all, but more new ones", "10 4 7 7", "8 8 5 5", true)]
    [InlineData("more that are ready", "10 10 9 8", "10 10 10 8", true)]
    [InlineData("more that are available", "10 10 10 9", "10 10 10 10", true)]
    public void What_counts_as_progress(string because, string before, string now, bool isProgress)
    {
        Assert.NotEmpty(because);
        var (old, counts) = (before.Split(' '), now.Split(' ').Select(int.Parse).ToArray());
        var deployment = Deployment(12, $$$"""
            {"replicas":{{{old[0]}}},"updatedReplicas":{{{old[1]}}},"readyReplicas":{{{old[2]}}},"availableReplicas":{{{old[3]}}},
             "conditions":[{"type":"Progressing","status":"True","reason":"ReplicaSetUpdated","message":"m","lastUpdateTime":"2024-01-01T11:55:00Z","lastTransitionTime":"2024-01-01T11:40:00Z"}]}
            """);
        var newSet = Of("web-2", counts[1], counts[2], counts[3]);
        var (status, _) = DeploymentStatus.OfRollout(deployment, newSet, [Of("web-1", counts[0] - counts[1], 0, 0), newSet], null, Noon);
        Assert.Equal(isProgress ? "2024-01-01T12:00:00Z" : "2024-01-01T11:55:00Z", (string?)status.Condition("Progressing")!["lastUpdateTime"]);

        static ReplicaSetView Of(string name, int replicas, int ready, int available) => ReplicaSetView.Of(Model<V1ReplicaSet>($$$"""
            {"metadata":{"name":"{{{name}}}"},"spec":{"replicas":{{{replicas}}} },"status":{"replicas":{{{replicas}}},"readyReplicas":{{{ready}}},"availableReplicas":{{{available}}} } }
            """));
    }

    /// <param name="before">Status and reason of Progressing; empty: there is none yet.</param>
    [Theory]
    [InlineData("it was progressing", "True ReplicaSetUpdated", "11:40:00")]
    [InlineData("its time was over", "False ProgressDeadlineExceeded", "12:00:00")]
    [InlineData("nothing was known", "", "12:00:00")]
    public void A_rollout_that_completes_is_progress_since_it_was(string because, string before, string since)
    {
        Assert.NotEmpty(because);
        var conditions = before.Split(' ') is [var value, var reason]
            ? $$"""[{"type":"Progressing","status":"{{value}}","reason":"{{reason}}","message":"m","lastUpdateTime":"2024-01-01T11:40:00Z","lastTransitionTime":"2024-01-01T11:40:00Z"}]""" : "[]";
        var (status, wait) = DeploymentStatus.OfRollout(
            Deployment(2, $$$"""{"replicas":2,"updatedReplicas":2,"readyReplicas":2,"availableReplicas":2,"conditions":{{{conditions}}} }"""), Set("web-1", 2, 2), [Set("web-1", 2, 2)], null, Noon);
        Assert.Equal("True NewReplicaSetAvailable ReplicaSet \"web-1\" has successfully progressed.", Condition(status, "Progressing"));
        Assert.Equal($"2024-01-01T{since}Z", (string?)status.Condition("Progressing")!["lastTransitionTime"]);
        Assert.Null(wait);
    }

    [Fact]
    public void Without_a_deadline_there_is_no_condition_of_progress()
    {
        var deployment = Deployment(1, """{"conditions":[{"type":"Progressing","status":"True","reason":"ReplicaSetUpdated"}]}""");
        deployment["spec"]!.AsObject().Remove("progressDeadlineSeconds");
        Assert.Null(DeploymentStatus.OfRollout(deployment, null, [], null, Noon).Status.Condition("Progressing"));
    }

    [Fact]
    public void Pods_that_end_are_summed_up_and_a_set_that_nobody_looked_at_has_none()
    {
        Assert.Equal(3, (int?)DeploymentStatus.Counts(Deployment(1), null, [Set("a", 0, 0, terminating: 3), Set("b", 1, 0, observed: false)], null, Noon)["terminatingReplicas"]);
        Assert.False(DeploymentStatus.Counts(Deployment(1), null, [Set("a", 0, 0, terminating: 3), Set("b", 1, 0)], null, Noon).ContainsKey("terminatingReplicas"));
    }

    [Fact]
    public void A_sets_failure_is_the_Deployments_with_the_sets_times()
    {
        var failing = ReplicaSetView.Of(Model<V1ReplicaSet>("""
            {"metadata":{"name":"web-1"},"spec":{"replicas":1},"status":{"conditions":[{"type":"ReplicaFailure","status":"True","reason":"FailedCreate","message":"quota","lastTransitionTime":"2024-01-01T11:00:00Z"}]}}
            """));
        var condition = DeploymentStatus.OfRollout(Deployment(1), failing, [failing], null, Noon).Status.Condition("ReplicaFailure")!;
        Assert.Equal(("True", "FailedCreate", "quota", "2024-01-01T11:00:00Z", "2024-01-01T11:00:00Z"),
            ((string?)condition["status"], (string?)condition["reason"], (string?)condition["message"], (string?)condition["lastUpdateTime"], (string?)condition["lastTransitionTime"]));
    }

    private static JsonObject Deployment(int replicas, string status = "{}") => Tree($$$"""
        {"metadata":{"name":"web","generation":1},"spec":{"replicas":{{{replicas}}},"progressDeadlineSeconds":600,"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"} } },"status":{{{status}}} }
        """);

    private static ReplicaSetView Set(string name, int replicas, int available, int? terminating = null, bool observed = true) => ReplicaSetView.Of(Model<V1ReplicaSet>($$$"""
        {"metadata":{"name":"{{{name}}}"},"spec":{"replicas":{{{replicas}}} },"status":{"replicas":{{{replicas}}},"readyReplicas":{{{available}}},"availableReplicas":{{{available}}}
         {{{(terminating is null ? "" : $",\"terminatingReplicas\":{terminating}")}}} {{{(observed ? ",\"observedGeneration\":1" : "")}}} } }
        """));

    private static long? Number(JsonObject status, string field) => (long?)status[field];

    private static string Condition(JsonObject status, string type) => status.Condition(type) is { } c ? $"{c["status"]} {c["reason"]} {c["message"]}" : "";
}
