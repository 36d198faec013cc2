using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>Rules of core kinds that the recorded cases do not show, one row a rule; the messages are those of pkg/apis/core/validation 1.36.</summary>
public class CoreRulesTests
{
    public static TheoryData<string, string, string, string[]> Creates => new()
    {
        {
            "a seccomp annotation must be a profile, and agree with the field", "pods",
            """{"metadata":{"name":"a","annotations":{"seccomp.security.alpha.kubernetes.io/pod":"bogus"}},"spec":{<one>,"securityContext":{"seccompProfile":{"type":"RuntimeDefault"}}}}""",
            [
                "metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: \"bogus\": must be a valid seccomp profile",
                "spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match",
            ]
        },
        {
            "an AppArmor annotation agrees with the container's field", "pods",
            """{"metadata":{"name":"a","annotations":{"container.apparmor.security.beta.kubernetes.io/c":"unconfined"}},"spec":{"containers":[{"name":"c","image":"i","securityContext":{"appArmorProfile":{"type":"RuntimeDefault"}}}]}}""",
            ["spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match"]
        },
        {
            "a template's annotations agree with its fields too", "podtemplates",
            """{"metadata":{"name":"a"},"template":{"metadata":{"annotations":{"container.seccomp.security.alpha.kubernetes.io/c":"localhost/a"}},"spec":{"containers":[{"name":"c","image":"i","securityContext":{"seccompProfile":{"type":"Localhost","localhostProfile":"b"}}}]}}}""",
            ["template.spec.containers[0].securityContext.seccompProfile.localhostProfile: Forbidden: seccomp profile in annotation and field must match"]
        },
        {
            "a mirror of a static pod claims no devices", "pods",
            """{"metadata":{"name":"a","annotations":{"kubernetes.io/config.mirror":"x"}},"spec":{<one>,"nodeName":"n","resourceClaims":[{"name":"r","resourceClaimName":"x"}]}}""",
            ["[]: Forbidden: static pods do not support resource claims"]
        },
        {
            "one container outside the host process among others", "pods",
            """{"metadata":{"name":"a"},"spec":{"hostNetwork":true,"securityContext":{"windowsOptions":{"hostProcess":true}},"containers":[{"name":"c","image":"i"},{"name":"d","image":"i","securityContext":{"windowsOptions":{"hostProcess":false}}}]}}""",
            [
                "spec.containers[1].securityContext.windowsOptions.hostProcess: Invalid value: false: pod hostProcess value must be identical if both are specified, was true",
                "spec: Invalid value: \"\": If pod contains any hostProcess containers then all containers must be HostProcess containers",
            ]
        },
        {
            "a claim template has labels and annotations only", "pods",
            """{"metadata":{"name":"a"},"spec":{<one>,"volumes":[{"name":"v","ephemeral":{"volumeClaimTemplate":{"metadata":{"uid":"u","name":"n"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}}}]}}""",
            [
                "spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
                "spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.uID: Forbidden: cannot be set",
            ]
        },
        {
            "an iSCSI name with one letter", "pods",
            """{"metadata":{"name":"a"},"spec":{<one>,"volumes":[{"name":"v","iscsi":{"targetPortal":"10.0.0.1","iqn":"iqn.2001-04.c:x","lun":0}}]}}""",
            []
        },
        {
            "mount options by annotation are for some sources only", "persistentvolumes",
            """{"metadata":{"name":"a","annotations":{"volume.beta.kubernetes.io/mount-options":"ro"}},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"hostPath":{"path":"/a"}}}""",
            ["metadata.annotations.volume.beta.kubernetes.io/mount-options: Forbidden: may not specify mount options for this volume type"]
        },
        {
            "declared features of a node are names, sorted, each once", "nodes",
            """{"metadata":{"name":"a"},"status":{"declaredFeatures":["B","A","A","x y"]}}""",
            [
                "status.declaredFeatures[1]: Invalid value: \"A\": list must be sorted alphabetically",
                "status.declaredFeatures[2]: Duplicate value: \"A\"",
                "status.declaredFeatures[3]: Invalid value: \"x y\": invalid feature name \"x y\": must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes",
            ]
        },
        {
            "swap of a node is more than nothing", "nodes",
            """{"metadata":{"name":"a"},"status":{"nodeInfo":{"swap":{"capacity":0}}}}""",
            ["metadata.nodeSwapStatus.capacity: Invalid value: 0: must be greater than zero"]
        },
        {
            "what cannot be overcommitted has one amount", "limitranges",
            """{"metadata":{"name":"a"},"spec":{"limits":[{"type":"Container","default":{"hugepages-2Mi":"4Mi"},"defaultRequest":{"hugepages-2Mi":"2Mi"}}]}}""",
            ["spec.limits[0].defaultRequest[hugepages-2Mi]: Invalid value: \"2Mi\": default value 4Mi must equal to defaultRequest value 2Mi in hugepages-2Mi"]
        },
    };

    [Theory]
    [MemberData(nameof(Creates))]
    public void A_create_is_told(string rule, string plural, string body, string[] complaints) =>
        Assert.True(complaints.SequenceEqual(StrategyRun.Create(StrategyRun.Resource(plural), Parse(body))), $"{rule}:\n{string.Join('\n', StrategyRun.Create(StrategyRun.Resource(plural), Parse(body)))}");

    public static TheoryData<string, string, string, string, string[]> Updates => new()
    {
        {
            "the source of a volume stays; both validations of the update complain of the rest", "persistentvolumes",
            """{"metadata":{"name":"a"},"spec":{<volume>,"hostPath":{"path":"/a"}}}""",
            """{"metadata":{"name":"a"},"spec":{<volume>,"hostPath":{"path":"/b","type":"X"}}}""",
            [
                "spec.hostPath.type: Unsupported value: \"X\": supported values: \"\", \"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
                "spec.hostPath.type: Unsupported value: \"X\": supported values: \"\", \"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
                "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n@@ -2,8 +2,8 @@\n  \"GCEPersistentDisk\": null,\n  \"AWSElasticBlockStore\": null,\n  \"HostPath\": {\n-  \"Path\": \"/a\",\n-  \"Type\": \"\"\n+  \"Path\": \"/b\",\n+  \"Type\": \"X\"\n  },\n  \"Glusterfs\": null,\n  \"NFS\": null,\n",
            ]
        },
        {
            "the affinity of a volume stays, but for labels that left beta", "persistentvolumes",
            """{"metadata":{"name":"a"},"spec":{<volume>,"hostPath":{"path":"/a"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"beta.kubernetes.io/os","operator":"In","values":["linux"]}]}]}}}}""",
            """{"metadata":{"name":"a"},"spec":{<volume>,"hostPath":{"path":"/a"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/os","operator":"In","values":["linux"]}]}]}}}}""",
            []
        },
        {
            "the affinity of a volume stays", "persistentvolumes",
            """{"metadata":{"name":"a"},"spec":{<volume>,"hostPath":{"path":"/a"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"k","operator":"In","values":["a"]}]}]}}}}""",
            """{"metadata":{"name":"a"},"spec":{<volume>,"hostPath":{"path":"/a"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"k","operator":"In","values":["b"]}]}]}}}}""",
            ["nodeAffinity: Invalid value: {\"Required\":{\"NodeSelectorTerms\":[{\"MatchExpressions\":[{\"Key\":\"k\",\"Operator\":\"In\",\"Values\":[\"b\"]}],\"MatchFields\":null}]}}: field is immutable, except for updating from beta label to GA"]
        },
        {
            "a gated pod's node selector grows", "pods",
            """{"metadata":{"name":"a"},"spec":{<one>,"schedulingGates":[{"name":"g"}],"nodeSelector":{"a":"b"}}}""",
            """{"metadata":{"name":"a"},"spec":{<one>,"schedulingGates":[{"name":"g"}],"nodeSelector":{"a":"c"}}}""",
            ["spec.nodeSelector: Invalid value: {\"a\":\"c\"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)"]
        },
        {
            "what else changed in a pod is shown", "pods",
            """{"metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"i"}]}}""",
            """{"metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"j","command":["x"]}]}}""",
            [
                "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n@@ -5,7 +5,9 @@\n   {\n    \"Name\": \"c\",\n    \"Image\": \"i\",\n-   \"Command\": null,\n+   \"Command\": [\n+    \"x\"\n+   ],\n    \"Args\": null,\n    \"WorkingDir\": \"\",\n    \"Ports\": null,\n",
            ]
        },
        {
            "Endpoints from before a rule stay as they are", "endpoints",
            """{"metadata":{"name":"a"},"subsets":[{"addresses":[{"ip":"127.0.0.1"}]}]}""",
            """{"metadata":{"name":"a","labels":{"x":"y"}},"subsets":[{"addresses":[{"ip":"127.0.0.1"}]}]}""",
            []
        },
    };

    [Theory]
    [MemberData(nameof(Updates))]
    public void An_update_is_told(string rule, string plural, string before, string after, string[] complaints)
    {
        var actual = StrategyRun.Update(StrategyRun.Resource(plural), Parse(before), Parse(after));
        Assert.True(complaints.SequenceEqual(actual), $"{rule}:\n{string.Join('\n', actual)}");
    }

    public static TheoryData<string, string, string, string, string[]> StatusWrites => new()
    {
        {
            "amounts and states of a claim", "persistentvolumeclaims",
            """{"metadata":{"name":"a"},"spec":{"accessModes":["ReadWriteOnce"]}}""",
            """{"metadata":{"name":"a"},"status":{"capacity":{"storage":"-1"},"allocatedResourceStatuses":{"storage":"Odd","cpu":"NodeResizePending"},"allocatedResources":{"memory":"1"}}}""",
            [
                "status.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
                "status.allocatedResourceStatuses: Unsupported value: \"storage\": supported values: \"ControllerResizeInProgress\", \"ControllerResizeInfeasible\", \"NodeResizeInProgress\", \"NodeResizeInfeasible\", \"NodeResizePending\"",
                "status.allocatedResourceStatuses: Unsupported value: \"cpu\": supported values: \"storage\"",
                "status.allocatedResources: Unsupported value: \"memory\": supported values: \"storage\"",
            ]
        },
        {
            "devices and users of containers", "pods",
            """{"metadata":{"name":"a"},"spec":{<one>}}""",
            """{"metadata":{"name":"a"},"status":{"containerStatuses":[{"name":"c","user":{"linux":{"uid":-1,"gid":1}},"allocatedResourcesStatus":[{"name":"example.com/x","resources":[{"resourceID":"r","health":"Ill"}]}]}]}}""",
            [
                "status.containerStatuses[0].user.linux.uid: Invalid value: -1: must be between 0 and 2147483647, inclusive",
                "status.containerStatuses[0].allocatedResourcesStatus[0].name: Invalid value: \"example.com/x\": must match one of the container's resource requests",
                "status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health: Unsupported value: \"Ill\": supported values: \"Healthy\", \"Unhealthy\", \"Unknown\"",
            ]
        },
        {
            "the claim of extended resources", "pods",
            """{"metadata":{"name":"a"},"spec":{<one>}}""",
            """
            {"metadata":{"name":"a"},"status":{"extendedResourceClaimStatus":{"resourceClaimName":"X","requestMappings":[
             {"containerName":"c","resourceName":"e.com/r","requestName":"R"},{"containerName":"z","resourceName":"e.com/r","requestName":"r"},{"containerName":"z","resourceName":"e.com/r","requestName":"r"}]}}}
            """,
            [
                "status.extendedResourceClaimStatus.requestMappings[0].resourceName: Invalid value: \"e.com/r\": must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests",
                "status.extendedResourceClaimStatus.requestName: Invalid value: \"R\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
                "status.extendedResourceClaimStatus.requestMappings[1].containerName: Invalid value: \"z\": must match the name of an entry in spec.initContainers.name or spec.containers.name",
                "status.extendedResourceClaimStatus.requestMappings[2].containerName: Invalid value: \"z\": must match the name of an entry in spec.initContainers.name or spec.containers.name",
                "status.extendedResourceClaimStatus.requestMappings[2].containerName: Duplicate value: \"z\"",
                "status.extendedResourceClaimStatus.requestMappings[2].resourceName: Duplicate value: \"e.com/r\"",
                "status.extendedResourceClaimStatus.requestMappings[2].requestName: Duplicate value: \"r\"",
                "status.extendedResourceClaimStatus.resourceClaimName: Invalid value: \"X\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ]
        },
    };

    [Theory]
    [MemberData(nameof(StatusWrites))]
    public void A_write_of_the_status_is_told(string rule, string plural, string before, string after, string[] complaints)
    {
        var actual = StrategyRun.Update(StrategyRun.Resource(plural), "status", Parse(before), Parse(after));
        Assert.True(complaints.SequenceEqual(actual), $"{rule}:\n{string.Join('\n', actual)}");
    }

    [Fact]
    public void Volumes_that_write_one_path_twice_are_warned_of()
    {
        var pod = Parse("""{"metadata":{"name":"a"},"spec":{<one>,"volumes":[{"name":"m","configMap":{"name":"x","items":[{"key":"a","path":"d"},{"key":"b","path":"d/e/"}]}},{"name":"p","projected":{"sources":[{"secret":{"name":"s","items":[{"key":"k","path":"t"}]}},{"serviceAccountToken":{"path":"t"}}]}}]}}""");
        Assert.Equal(
            [
                "volume \"m\" (ConfigMap \"x\"): overlapping paths: \"d/e\" with \"d\"",
                "volume \"p\" (Projected): overlapping paths: \"t\" (ServiceAccountToken) with \"t\" (Secret \"s\")",
            ],
            StrategyRun.Warnings(StrategyRun.Resource("pods"), pod));
    }

    [Fact]
    public void An_update_of_a_ReplicationController_is_warned_of_by_its_old_template()
    {
        static string Controller(string more) =>
            """{"metadata":{"generation":<n>},"spec":{"selector":{"a":"b"},"template":{"metadata":{"labels":{"a":"b"}},"spec":{<more>"containers":[{"name":"c","image":"i"}]}}}}"""
                .Replace("<n>", $"{more.Length}", StringComparison.Ordinal).Replace("<more>", more, StringComparison.Ordinal);
        const string volume = """ "volumes":[{"name":"v","quobyte":{"registry":"a:1","volume":"v"}}],""";
        const string warning = "spec.template.spec.volumes[0].quobyte: deprecated in v1.22, non-functional in v1.25+";
        Assert.Equal([warning], Written.Warnings("/v1/replicationcontrollers", Controller(""), Controller(volume)));
        Assert.Empty(Written.Warnings("/v1/replicationcontrollers", Controller(volume), Controller("")));
    }

    [Theory]
    [InlineData("""{"kind":"Bucket","name":"x","apiGroup":"example.com"}""", false)]
    [InlineData("""{"kind":"PersistentVolumeClaim","name":"x"}""", true)]
    [InlineData("""{"kind":"VolumeSnapshot","name":"x","apiGroup":"snapshot.storage.k8s.io"}""", true)]
    public void A_claim_keeps_only_data_sources_that_old_clients_know(string source, bool isKept)
    {
        var claim = StrategyRun.Created(StrategyRun.Resource("persistentvolumeclaims"), Parse("""{"metadata":{"name":"a"},"spec":{"dataSource":<source>}}""".Replace("<source>", source, StringComparison.Ordinal)));
        Assert.Equal(isKept, claim["spec"]!.AsObject().ContainsKey("dataSource"));
        Assert.Equal(isKept, claim["spec"]!.AsObject().ContainsKey("dataSourceRef"));
    }

    [Theory]
    [InlineData('u', 1024, "")]
    [InlineData('u', 1025, "message: Invalid value: \"\": can have at most 1024 characters")]
    [InlineData('\u00fc', 512, "")]
    [InlineData('\u00fc', 513, "message: Invalid value: \"\": can have at most 1024 characters")]
    public void What_an_Event_says_is_counted_in_bytes(char character, int count, string complaint)
    {
        var body = """{"metadata":{"name":"a"},"regarding":{"namespace":"ns"},"reason":"r","note":"<n>","type":"Normal","eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"a.b/c","reportingInstance":"i","action":"x"}"""
            .Replace("<n>", new string(character, count), StringComparison.Ordinal);
        Assert.Equal(complaint, string.Join('|', Written.Create("events.k8s.io/v1/events", body)));
    }

    [Theory]
    [InlineData("nothing is said", "{}", "BestEffort")]
    [InlineData("zero says nothing", """{"requests":{"cpu":"0","memory":"0m"}}""", "BestEffort")]
    [InlineData("limits alone are requests too", """{"limits":{"cpu":"1","memory":"1Gi"}}""", "Guaranteed")]
    [InlineData("one amount in two forms", """{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1000m","memory":"1073741824"}}""", "Guaranteed")]
    [InlineData("less is asked for", """{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"memory":"1Mi"}}""", "Burstable")]
    [InlineData("one of both has no limit", """{"limits":{"cpu":"1"}}""", "Burstable")]
    [InlineData("other resources do not count", """{"limits":{"ephemeral-storage":"1Gi"}}""", "BestEffort")]
    public void A_Pod_is_of_a_class(string why, string resources, string expected)
    {
        Assert.NotEmpty(why);
        var pod = Written.Stored("/v1/pods", """{"spec":{"containers":[{"name":"c","image":"i","resources":<r>}]}}""".Replace("<r>", resources, StringComparison.Ordinal));
        Assert.Equal(expected, (string?)pod["status"]!["qosClass"]);
    }

    private static JsonObject Parse(string text) => JsonNode.Parse(text
        .Replace("<one>", """ "containers":[{"name":"c","image":"i"}] """, StringComparison.Ordinal)
        .Replace("<volume>", """ "capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"] """, StringComparison.Ordinal))!.AsObject();
}
