namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>apps, batch, policy, node, storage: rules of updates and what upstream's messages show of its internal types.</summary>
public class WorkloadRulesTests
{
    private static string Job(string rest) => "{\"spec\":{\"manualSelector\":true,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"completionMode\":\"Indexed\",\"completions\":2," + rest
        + "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}";

    private static string Selecting(string value, string restartPolicy, string rest = "") => "{\"spec\":{" + rest + "\"selector\":{\"matchExpressions\":[{\"key\":\"k\",\"operator\":\"NotIn\",\"values\":[\"" + value
        + "\"]}]},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"restartPolicy\":\"" + restartPolicy + "\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}";

    public static TheoryData<string, string, string, string, string[]> Updates => new()
    {
        { "a budget is told of both limits with its internal fields", "policy/v1/poddisruptionbudgets", "{}", """{"spec":{"minAvailable":1,"maxUnavailable":"5%","selector":{"matchLabels":{"b":"2","a":"1"}}}}""",
            ["spec: Invalid value: {\"MinAvailable\":1,\"Selector\":{\"matchLabels\":{\"a\":\"1\",\"b\":\"2\"}},\"MaxUnavailable\":\"5%\",\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set"] },
        { "a daemon set keeps a value that is no label value", "apps/v1/daemonsets", Selecting("b b", "Always"), Selecting("b b", "Always"), [] },
        { "it gets none", "apps/v1/daemonsets", Selecting("b", "Always"), Selecting("b b", "Always"),
            ["spec.selector: Invalid value: {\"matchExpressions\":[{\"key\":\"k\",\"operator\":\"NotIn\",\"values\":[\"b b\"]}]}: field is immutable",
             "spec.selector.matchExpressions[0].values[0]: Invalid value: \"b b\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"] },
        { "a job keeps one too", "batch/v1/jobs", Selecting("b b", "Never", "\"manualSelector\":true,"), Selecting("b b", "Never", "\"manualSelector\":true,"), [] },
        { "a budget too", "policy/v1/poddisruptionbudgets", """{"spec":{"selector":{"matchExpressions":[{"key":"k","operator":"In","values":["b b"]}]}}}""",
            """{"spec":{"minAvailable":1,"selector":{"matchExpressions":[{"key":"k","operator":"In","values":["b b"]}]}}}""", [] },
        { "a driver's room too", "storage.k8s.io/v1/csistoragecapacities", """{"storageClassName":"s","nodeTopology":{"matchExpressions":[{"key":"k","operator":"In","values":["b b"]}]}}""",
            """{"storageClassName":"s","capacity":"1Gi","nodeTopology":{"matchExpressions":[{"key":"k","operator":"In","values":["b b"]}]}}""", [] },
        { "a success policy never changes", "batch/v1/jobs",
            Job(""), Job("\"successPolicy\":{\"rules\":[{\"succeededCount\":1}]},"),
            ["spec.successPolicy: Invalid value: {\"Rules\":[{\"SucceededIndexes\":null,\"SucceededCount\":1}]}: field is immutable"] },
        { "what an attachment is for never changes", "storage.k8s.io/v1/volumeattachments", """{"spec":{"attacher":"d","nodeName":"n","source":{"persistentVolumeName":"v"}}}""",
            """{"spec":{"attacher":"d","nodeName":"m","source":{"persistentVolumeName":"v"}}}""",
            ["spec: Invalid value: {\"Attacher\":\"d\",\"Source\":{\"PersistentVolumeName\":\"v\",\"InlineVolumeSpec\":null},\"NodeName\":\"m\"}: field is immutable"] },
        { "attributes of volumes are for a driver with a qualified name", "storage.k8s.io/v1/volumeattributesclasses", """{"driverName":"d","parameters":{"a":"b"}}""", """{"driverName":"e_","parameters":{}}""",
            ["driverName: Forbidden: updates to driverName are forbidden.", "parameters: Forbidden: updates to parameters are forbidden.",
             "driverName: Invalid value: \"e_\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
             "parameters: Required value: must contain at least one key/value pair"] },
        { "a changed class is valid too", "storage.k8s.io/v1/storageclasses", """{"provisioner":"p"}""", """{"provisioner":"p","reclaimPolicy":"X"}""",
            ["reclaimPolicy: Unsupported value: \"X\": supported values: \"Delete\", \"Retain\"", "reclaimPolicy: Invalid value: \"X\": field is immutable"] },
        { "a term without requirements is a duplicate of what upstream begins with", "storage.k8s.io/v1/storageclasses", """{"provisioner":"p"}""", """{"provisioner":"p","allowedTopologies":[{}]}""",
            ["allowedTopologies[0].matchLabelExpressions: Duplicate value: \"\""] },
        { "a changed runtime class is valid too", "node.k8s.io/v1/runtimeclasses", """{"handler":"h"}""", """{"handler":"H"}""",
            ["handler: Invalid value: \"H\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
             "handler: Invalid value: \"H\": field is immutable"] },
        { "a changed capacity is valid too", "storage.k8s.io/v1/csistoragecapacities", """{"storageClassName":"c"}""", """{"storageClassName":"c","capacity":"-1"}""",
            ["capacity: Invalid value: \"-1\": must be greater than or equal to 0"] },
    };

    [Theory]
    [MemberData(nameof(Updates))]
    public void An_update_is_told(string why, string resource, string old, string json, string[] expected)
    {
        Assert.NotEmpty(why);
        Assert.Equal(expected, Written.Update(resource, old, json));
    }

    [Fact]
    public void An_empty_selector_of_a_replica_set_is_told_as_of_a_deployment() => Assert.Contains(
        "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
        Written.Create("apps/v1/replicasets", """{"spec":{"selector":{},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}"""));

    [Theory]
    [InlineData("-1", "spec.rollback.version: Invalid value: -1: must be greater than or equal to 0")]
    [InlineData("0")]
    [InlineData("")]
    public void A_Deployment_rolls_back_to_no_negative_revision(string revision, params string[] expected) => Assert.Equal(expected, Written.Create(
        "apps/v1/deployments", $$$"""
            {"metadata":{"annotations":{"deprecated.deployment.rollback.to":"{{{revision}}}"} },
             "spec":{"selector":{"matchLabels":{"a":"b"} },"template":{"metadata":{"labels":{"a":"b"} },"spec":{"containers":[{"name":"c","image":"i"}]} } } }
            """));

    [Fact]
    public void A_budgets_conditions_are_looked_at() => Assert.Equal(
        ["status.conditions[0].status: Unsupported value: \"x\": supported values: \"False\", \"True\", \"Unknown\"", "status.conditions[0].lastTransitionTime: Required value",
         "status.conditions[0].reason: Required value", "status.currentHealthy: Invalid value: -1: must be greater than or equal to 0"],
        Written.Update("policy/v1/poddisruptionbudgets", "{}", """{"status":{"currentHealthy":-1,"conditions":[{"type":"A","status":"x"}]}}""", "status"));

    [Theory]
    [InlineData("node.k8s.io/v1/runtimeclasses", """{"handler":"h","scheduling":{"nodeSelector":{"beta.kubernetes.io/os":"linux"}}}""", "scheduling.nodeSelector: deprecated since v1.14; use \"kubernetes.io/os\" instead")]
    [InlineData("storage.k8s.io/v1/storageclasses", """{"provisioner":"p","allowedTopologies":[{"matchLabelExpressions":[{"key":"beta.kubernetes.io/os","values":["l"]}]}]}""",
        "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.14; use \"kubernetes.io/os\" instead")]
    [InlineData("storage.k8s.io/v1/csistoragecapacities", """{"storageClassName":"c","nodeTopology":{"matchLabels":{"beta.kubernetes.io/os":"linux"}}}""",
        "nodeTopology.matchLabels.beta.kubernetes.io/os: deprecated since v1.14; use \"kubernetes.io/os\" instead")]
    public void Labels_on_their_way_out_are_warned_of(string resource, string json, string warning) => Assert.Equal([warning], Written.Warnings(resource, json));

    [Fact]
    public void Fields_of_features_that_are_off_go()
    {
        Assert.DoesNotContain("preventPodSchedulingIfMissing", Written.Stored("storage.k8s.io/v1/csidrivers", """{"spec":{"preventPodSchedulingIfMissing":true}}""").ToJsonString(), StringComparison.Ordinal);
        const string set = """{"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{},"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":2}}}}""";
        Assert.DoesNotContain("maxUnavailable", Written.Stored("apps/v1/statefulsets", set).ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("maxUnavailable", Written.Stored("apps/v1/statefulsets", set, set).ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_written_status_leaves_the_generation_of_a_daemon_sets_template() => Assert.Equal("7", Written.Stored("apps/v1/daemonsets",
        """{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"9"}},"spec":{}}""",
        """{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"7"}},"spec":{}}""", "status")["metadata"]!["annotations"]!["deprecated.daemonset.template.generation"]!.GetValue<string>());

    [Fact]
    public void An_attachments_errors_are_short_and_their_codes_not_negative() => Assert.Equal(
        ["status.attachError.message: Too long: may not be more than 262144 bytes", "status.detachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
        Written.Update("storage.k8s.io/v1/volumeattachments", Attachment(""), Attachment(",\"status\":{\"attached\":false,\"detachError\":{\"errorCode\":-1},\"attachError\":{\"message\":\"" + new string('x', 1025) + "\"}}"), "status"));

    private static string Attachment(string rest) => """{"spec":{"attacher":"d","nodeName":"n","source":{"persistentVolumeName":"v"}}""" + rest + "}";
}
