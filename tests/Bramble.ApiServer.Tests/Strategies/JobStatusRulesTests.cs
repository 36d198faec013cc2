namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>What a Job's status may say.</summary>
public class JobStatusRulesTests
{
    private const string Pod = "\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}";

    private static string Condition(params ReadOnlySpan<string> types) =>
        "\"conditions\":[" + string.Join(",", types.ToArray().Select(type => $"{{\"type\":\"{type}\",\"status\":\"True\"}}")) + "]";

    public static TheoryData<string, string, string, string, string[]> Writes => new()
    {
        { "complete needs times and its reason", "", "", Condition("Complete"),
            ["status.completionTime: Required value: completionTime is required for Complete jobs",
             "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
             "status.startTime: Required value: startTime is required for finished job"] },
        { "complete and failed exclude each other", "", "",
            "\"startTime\":\"2026-01-01T00:00:00Z\",\"completionTime\":\"2026-01-01T00:00:00Z\"," + Condition("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"),
            ["status.conditions: Invalid value: cannot set Complete=True and Failed=true conditions",
             "status.conditions: Invalid value: cannot set Complete=True and FailureTarget=true conditions",
             "status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and Failed=true conditions",
             "status.conditions: Invalid value: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"] },
        { "an end before the beginning", "", "",
            "\"startTime\":\"2026-01-02T00:00:00Z\",\"completionTime\":\"2026-01-01T00:00:00Z\"," + Condition("Complete", "SuccessCriteriaMet"),
            ["status.completionTime: Invalid value: \"2026-01-01T00:00:00Z\": must be equal to or after `startTime`"] },
        { "counters only grow", "", "\"failed\":2,\"succeeded\":2", "\"failed\":1,\"succeeded\":1",
            ["status.failed: Invalid value: 1: cannot decrease the failed counter", "status.succeeded: Invalid value: 1: cannot decrease the succeeded counter"] },
        { "not more ready than active", "", "", "\"ready\":2,\"active\":1", ["status.ready: Invalid value: 2: cannot set more ready pods than active"] },
        { "what is final stays", "", Condition("Failed", "FailureTarget") + ",\"startTime\":\"2026-01-01T00:00:00Z\"", "\"startTime\":\"2026-01-01T00:00:00Z\"",
            ["status.conditions: Invalid value: cannot disable the terminal Failed=True condition", "status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition"] },
        { "indexes are of indexed Jobs", "", "", "\"completedIndexes\":\"0\"", ["status.completedIndexes: Invalid value: \"0\": cannot set non-empty completedIndexes when non-indexed completion mode"] },
        { "an index is done or failed", "\"completionMode\":\"Indexed\",\"completions\":5,\"parallelism\":5,\"backoffLimitPerIndex\":1,", "", "\"completedIndexes\":\"0-2\",\"failedIndexes\":\"2,4\"",
            ["status.failedIndexes: Invalid value: \"2,4\": failedIndexes and completedIndexes overlap at index: 2"] },
        { "a pod is counted once", "", "", "\"uncountedTerminatedPods\":{\"succeeded\":[\"a\"],\"failed\":[\"a\",\"\"]}",
            ["status.uncountedTerminatedPods.failed[0]: Duplicate value: \"a\"", "status.uncountedTerminatedPods.failed[1]: Invalid value: \"\": must not be empty"] },
        { "a running Job began once", "", "\"startTime\":\"2026-01-01T00:00:00Z\"", "\"startTime\":\"2026-01-02T00:00:00Z\"",
            ["status.startTime: Invalid value: \"2026-01-02T00:00:00Z\": field is immutable for unsuspended job once set"] },
        { "what did not change is not looked at again", "", Condition("Complete"), Condition("Complete"), [] },
    };

    [Theory]
    [MemberData(nameof(Writes))]
    public void A_status_write_is_told(string why, string spec, string old, string status, string[] expected)
    {
        Assert.NotEmpty(why);
        string Job(string text) => $"{{\"spec\":{{{spec}{Pod}}},\"status\":{{{text}}}}}";
        Assert.Equal(expected, Written.Update("batch/v1/jobs", Job(old), Job(status), "status"));
    }
}
