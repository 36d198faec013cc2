namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>What is said of a HorizontalPodAutoscaler that is written.</summary>
public class AutoscalerRulesTests
{
    private const string Resource = "autoscaling/v2/horizontalpodautoscalers";

    public static TheoryData<string, string, string[]> Specs => new()
    {
        { "a target in a group", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5}""", [] },
        { "the one without a group", """{"scaleTargetRef":{"kind":"ReplicationController","name":"x"},"maxReplicas":5}""", [] },
        { "no kind", """{"scaleTargetRef":{"apiVersion":"apps/v1","name":"x"},"maxReplicas":5}""",
            ["spec.scaleTargetRef.kind: Required value"] },
        { "a kind that is a path", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"..","name":"x"},"maxReplicas":5}""",
            ["spec.scaleTargetRef.kind: Invalid value: \"..\": may not be '..'"] },
        { "no name", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment"},"maxReplicas":5}""",
            ["spec.scaleTargetRef.name: Required value"] },
        { "a name that is a path", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":".."},"maxReplicas":5}""",
            ["spec.scaleTargetRef.name: Invalid value: \"..\": may not be '..'"] },
        { "no group", """{"scaleTargetRef":{"kind":"Deployment","name":"x"},"maxReplicas":5}""",
            ["spec.scaleTargetRef.apiVersion: Invalid value: \"\": apiVersion must specify API group"] },
        { "a core kind that cannot be scaled", """{"scaleTargetRef":{"apiVersion":"v1","kind":"Pod","name":"x"},"maxReplicas":5}""",
            ["spec.scaleTargetRef.apiVersion: Invalid value: \"v1\": apiVersion must specify API group"] },
        { "no version at all", """{"scaleTargetRef":{"apiVersion":"apps/v1/v3","kind":"ReplicationController","name":"x"},"maxReplicas":5}""",
            ["spec.scaleTargetRef.apiVersion: Invalid value: \"apps/v1/v3\": unexpected GroupVersion string: apps/v1/v3"] },
        { "a negative least number", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"minReplicas":-1,"maxReplicas":5}""",
            ["spec.minReplicas: Invalid value: -1: must be greater than or equal to 1"] },
        { "none at least", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"minReplicas":0,"maxReplicas":5}""",
            ["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
             "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas"] },
        { "none at least, by what is outside", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"minReplicas":0,"maxReplicas":5,"metrics":[{"type":"External","external":{"metric":{"name":"m","selector":{"matchLabels":{"label":"value"}}},"target":{"type":"AverageValue","averageValue":"300m"}}}]}""",
            ["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"] },
        { "less than the least number", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"minReplicas":7,"maxReplicas":5}""",
            ["spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"] },
        { "no greatest number", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"minReplicas":1,"maxReplicas":0}""",
            ["spec.maxReplicas: Required value: must be set and greater than 0",
             "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`"] },
        { "a negative greatest number", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"minReplicas":1,"maxReplicas":-1}""",
            ["spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1",
             "spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`"] },
        { "resource: a share", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":70}}}]}""", [] },
        { "resource: an amount", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"AverageValue","averageValue":"300m"}}}]}""", [] },
        { "resource: a share and an amount", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":70,"averageValue":"300m"}}}]}""",
            ["spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization"] },
        { "resource: neither", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Value"}}}]}""",
            ["spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization"] },
        { "resource: less than nothing", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":-10}}}]}""",
            ["spec.metrics[0].resource.target.averageUtilization: Invalid value: -10: must be greater than 0"] },
        { "containerResource: a share", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"ContainerResource","containerResource":{"name":"cpu","container":"c","target":{"type":"Utilization","averageUtilization":70}}}]}""", [] },
        { "containerResource: an amount", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"ContainerResource","containerResource":{"name":"cpu","container":"c","target":{"type":"AverageValue","averageValue":"300m"}}}]}""", [] },
        { "containerResource: a share and an amount", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"ContainerResource","containerResource":{"name":"cpu","container":"c","target":{"type":"Utilization","averageUtilization":70,"averageValue":"300m"}}}]}""",
            ["spec.metrics[0].containerResource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization"] },
        { "containerResource: neither", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"ContainerResource","containerResource":{"name":"cpu","container":"c","target":{"type":"Value"}}}]}""",
            ["spec.metrics[0].containerResource.target.averageUtilization: Required value: must set either a target raw value or a target utilization"] },
        { "containerResource: less than nothing", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"ContainerResource","containerResource":{"name":"cpu","container":"c","target":{"type":"Utilization","averageUtilization":-10}}}]}""",
            ["spec.metrics[0].containerResource.target.averageUtilization: Invalid value: -10: must be greater than 0"] },
        { "no resource", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Resource","resource":{"target":{"type":"Utilization","averageUtilization":70}}}]}""",
            ["spec.metrics[0].resource.name: Required value: must specify a resource name"] },
        { "no resource of a container", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"ContainerResource","containerResource":{"container":"c","target":{"type":"Utilization","averageUtilization":70}}}]}""",
            ["spec.metrics[0].containerResource.name: Required value: must specify a resource name"] },
        { "a resource that nobody knows", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"ContainerResource","containerResource":{"name":"InvalidResource","container":"c","target":{"type":"Utilization","averageUtilization":70}}}]}""",
            ["spec.metrics[0].containerResource.name: Invalid value: \"InvalidResource\": must be a standard resource type or fully qualified",
             "spec.metrics[0].containerResource.name: Invalid value: \"InvalidResource\": must be a standard resource for containers"] },
        { "no container", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"ContainerResource","containerResource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":70}}}]}""",
            ["spec.metrics[0].containerResource.container: Required value: must specify a container"] },
        { "a container that is none", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"ContainerResource","containerResource":{"name":"cpu","container":"---***","target":{"type":"Utilization","averageUtilization":70}}}]}""",
            ["spec.metrics[0].containerResource.container: Invalid value: \"---***\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"] },
        { "of Pods", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Pods","pods":{"metric":{"name":"m"},"target":{"type":"AverageValue","averageValue":"1"}}}]}""", [] },
        { "of Pods, no metric", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Pods","pods":{"target":{"type":"Value","averageValue":"100m"}}}]}""",
            ["spec.metrics[0].pods.metric.name: Required value: must specify a metric name"] },
        { "of Pods, no amount", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Pods","pods":{"metric":{"name":"m"},"target":{"type":"Value"}}}]}""",
            ["spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue"] },
        { "of an object", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Object","object":{"describedObject":{"kind":"ReplicationController","name":"x"},"metric":{"name":"m"},"target":{"type":"Value","value":"100m"}}}]}""", [] },
        { "of an object, no amount", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Object","object":{"describedObject":{"kind":"ReplicationController","name":"x"},"metric":{"name":"m"},"target":{"type":"Value"}}}]}""",
            ["spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue"] },
        { "of an object without a kind", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Object","object":{"describedObject":{"name":"x"},"metric":{"name":"m"},"target":{"type":"Value","value":"100m"}}}]}""",
            ["spec.metrics[0].object.describedObject.kind: Required value"] },
        { "of an object of no version", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Object","object":{"describedObject":{"kind":"A","name":"x","apiVersion":"a/b/c"},"metric":{"name":"m"},"target":{"type":"Value","value":"100m"}}}]}""",
            ["spec.metrics[0].object.describedObject.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c"] },
        { "of an object, no metric", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Object","object":{"describedObject":{"kind":"ReplicationController","name":"x"},"target":{"type":"Value","value":"100m"}}}]}""",
            ["spec.metrics[0].object.metric.name: Required value: must specify a metric name"] },
        { "from outside", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"External","external":{"metric":{"name":"m","selector":{"matchLabels":{"label":"value"}}},"target":{"type":"AverageValue","averageValue":"300m"}}}]}""", [] },
        { "from outside, no metric", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"External","external":{"target":{"type":"Value","value":"100m"}}}]}""",
            ["spec.metrics[0].external.metric.name: Required value: must specify a metric name"] },
        { "from outside, a metric that is a path", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"External","external":{"metric":{"name":"foo/../"},"target":{"type":"Value","value":"100m"}}}]}""",
            ["spec.metrics[0].external.metric.name: Invalid value: \"foo/../\": may not contain '/'"] },
        { "from outside, no amount", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"External","external":{"metric":{"name":"m"},"target":{"type":"Value"}}}]}""",
            ["spec.metrics[0].external.target.averageValue: Required value: must set either a target value for metric or a per-pod target"] },
        { "from outside, less than nothing", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"External","external":{"metric":{"name":"m"},"target":{"type":"Value","value":"-300m"}}}]}""",
            ["spec.metrics[0].external.target.value: Invalid value: \"-300m\": must be positive"] },
        { "from outside, less than nothing each", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"External","external":{"metric":{"name":"m"},"target":{"type":"Value","averageValue":"-300m"}}}]}""",
            ["spec.metrics[0].external.target.averageValue: Invalid value: \"-300m\": must be positive"] },
        { "from outside, both amounts", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"External","external":{"metric":{"name":"m"},"target":{"type":"Value","value":"100m","averageValue":"1"}}}]}""",
            ["spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target"] },
        { "a kind of target that is none", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"External","external":{"metric":{"name":"m"},"target":{"type":"boogity","value":"1"}}}]}""",
            ["spec.metrics[0].external.target.type: Invalid value: \"boogity\": must be either Utilization, Value, or AverageValue"] },
        { "no kind of target", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"External","external":{"metric":{"name":"m"},"target":{"value":"1"}}}]}""",
            ["spec.metrics[0].external.target.type: Required value: must specify a metric target type",
             "spec.metrics[0].external.target.type: Invalid value: \"\": must be either Utilization, Value, or AverageValue"] },
        { "no target", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"External","external":{"metric":{"name":"m"}}}]}""",
            ["spec.metrics[0].external.target.type: Required value: must specify a metric target type",
             "spec.metrics[0].external.target.type: Invalid value: \"\": must be either Utilization, Value, or AverageValue",
             "spec.metrics[0].external.target.averageValue: Required value: must set either a target value for metric or a per-pod target"] },
        { "no kind of metric", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{}]}""",
            ["spec.metrics[0].type: Required value: must specify a metric source type",
             "spec.metrics[0].type: Unsupported value: \"\": supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\"",
             "spec.metrics[0].type: Unsupported value: \"\": supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\""] },
        { "a kind of metric that is none", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"InvalidType"}]}""",
            ["spec.metrics[0].type: Unsupported value: \"InvalidType\": supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\"",
             "spec.metrics[0].type: Unsupported value: \"InvalidType\": supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\""] },
        { "two metrics in one", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"AverageValue","averageValue":"1"}},"pods":{"metric":{"name":"m"},"target":{"type":"AverageValue","averageValue":"1"}}}]}""",
            ["spec.metrics[0].pods: Forbidden: must populate the given metric source only"] },
        { "another metric than it says", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"metrics":[{"type":"Pods","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":70}}}]}""",
            ["spec.metrics[0].pods: Required value: must populate information for the given metric source"] },
        { "rules", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"behavior":{"scaleUp":{"stabilizationWindowSeconds":3600,"selectPolicy":"Disabled","tolerance":"0","policies":[{"type":"Pods","value":1,"periodSeconds":1800}]}}}""", [] },
        { "a window too long", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"behavior":{"scaleUp":{"stabilizationWindowSeconds":3601,"policies":[{"type":"Pods","value":1,"periodSeconds":1800}]}}}""",
            ["spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600"] },
        { "a negative window", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"behavior":{"scaleDown":{"stabilizationWindowSeconds":-1,"policies":[{"type":"Pods","value":1,"periodSeconds":1800}]}}}""",
            ["spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero"] },
        { "a choice that is none", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"behavior":{"scaleUp":{"selectPolicy":"incorrect","policies":[{"type":"Pods","value":1,"periodSeconds":1800}]}}}""",
            ["spec.behavior.scaleUp.selectPolicy: Unsupported value: \"incorrect\": supported values: \"Disabled\", \"Max\", \"Min\""] },
        { "a policy of no kind", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"behavior":{"scaleUp":{"policies":[{"type":"hm","value":7,"periodSeconds":8}]}}}""",
            ["spec.behavior.scaleUp.policies[0].type: Unsupported value: \"hm\": supported values: \"Percent\", \"Pods\""] },
        { "a policy without a number and a time", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"behavior":{"scaleDown":{"policies":[{"type":"Pods"}]}}}""",
            ["spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero",
             "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 0: must be greater than zero"] },
        { "negative ones", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"behavior":{"scaleUp":{"policies":[{"type":"Pods","value":1,"periodSeconds":2},{"type":"Percent","value":-1,"periodSeconds":-1}]}}}""",
            ["spec.behavior.scaleUp.policies[1].value: Invalid value: -1: must be greater than zero",
             "spec.behavior.scaleUp.policies[1].periodSeconds: Invalid value: -1: must be greater than zero"] },
        { "a time too long", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"behavior":{"scaleUp":{"policies":[{"type":"Pods","value":7,"periodSeconds":1801}]}}}""",
            ["spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800"] },
        { "a negative tolerance", """{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"maxReplicas":5,"behavior":{"scaleUp":{"tolerance":"-0.001","policies":[{"type":"Pods","value":1,"periodSeconds":1800}]}}}""",
            ["spec.behavior.scaleUp.tolerance: Invalid value: \"-1m\": must be greater than or equal to 0"] },
    };

    [Theory]
    [MemberData(nameof(Specs))]
    public void A_spec_is_told(string why, string spec, string[] expected)
    {
        Assert.NotEmpty(why);
        Assert.Equal(expected, Written.Create(Resource, $$$"""{"spec":{{{spec}}}}"""));
    }

    /// <summary>What was let in once stays: none at least, and versions that are none as long as nobody changes them.</summary>
    [Theory]
    [InlineData("none at least, as before", """{"minReplicas":0,METRICS}""", """{"minReplicas":0,METRICS}""")]
    [InlineData("one at least, and none before", """{"minReplicas":0,METRICS}""", """{"minReplicas":1,METRICS}""")]
    [InlineData("none at least is new", """{"minReplicas":1,METRICS}""", """{"minReplicas":0,METRICS}""", "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1")]
    [InlineData("wrong versions, as before", """{"minReplicas":3,VERSIONED}""", """{"minReplicas":1,VERSIONED}""")]
    [InlineData("another wrong version", """{"minReplicas":3,METRICS}""", """{"minReplicas":3,VERSIONED}""",
        "spec.scaleTargetRef.apiVersion: Invalid value: \"a/v1/v2\": unexpected GroupVersion string: a/v1/v2",
        "spec.metrics[0].object.describedObject.apiVersion: Invalid value: \"a/v1/v2\": unexpected GroupVersion string: a/v1/v2")]
    public void An_update_is_told(string why, string before, string after, params string[] expected)
    {
        Assert.NotEmpty(why);
        Assert.Equal(expected, Written.Update(Resource, Whole(before), Whole(after)));

        static string Whole(string spec) => "{\"spec\":" + spec.Replace("METRICS", Rest("v1"), StringComparison.Ordinal).Replace("VERSIONED", Rest("a/v1/v2"), StringComparison.Ordinal) + "}";

        static string Rest(string version) => $$$$"""
            "maxReplicas":5,"scaleTargetRef":{"apiVersion":"{{{{version}}}}","kind":"ReplicationController","name":"x"},"metrics":[{"type":"Object","object":
            {"describedObject":{"apiVersion":"{{{{version}}}}","kind":"Service","name":"s"},"metric":{"name":"m"},"target":{"type":"Value","value":"1"}}}]
            """;
    }

    [Theory]
    [InlineData("no behaviour stays none", "null", null)]
    [InlineData("a window and a tolerance", """{"scaleUp":{"stabilizationWindowSeconds":100,"tolerance":"500m"}}""",
        """{"scaleUp":{"stabilizationWindowSeconds":100,"tolerance":"500m","selectPolicy":"Max","policies":[{"type":"Pods","value":4,"periodSeconds":15},{"type":"Percent","value":100,"periodSeconds":15}]},"scaleDown":{"selectPolicy":"Max","policies":[{"type":"Percent","value":100,"periodSeconds":15}]}}""")]
    [InlineData("policies for down", """{"scaleDown":{"policies":[{"type":"Percent","value":7,"periodSeconds":10}],"selectPolicy":"Min"}}""",
        """{"scaleDown":{"policies":[{"type":"Percent","value":7,"periodSeconds":10}],"selectPolicy":"Min"},"scaleUp":{"stabilizationWindowSeconds":0,"selectPolicy":"Max","policies":[{"type":"Pods","value":4,"periodSeconds":15},{"type":"Percent","value":100,"periodSeconds":15}]}}""")]
    public void What_a_behaviour_leaves_out_is_as_without_one(string why, string behavior, string? expected)
    {
        Assert.NotEmpty(why);
        var stored = Written.Stored(Resource, $$$"""{"spec":{"maxReplicas":1,"behavior":{{{behavior}}}}}""")["spec"]!["behavior"];
        Assert.True(System.Text.Json.Nodes.JsonNode.DeepEquals(expected is null ? null : System.Text.Json.Nodes.JsonNode.Parse(expected), stored), stored?.ToJsonString());
    }
}
