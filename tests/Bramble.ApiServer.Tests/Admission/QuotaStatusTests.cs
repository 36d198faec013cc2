using System.Text.Json.Nodes;
using Bramble.ApiServer.Admission.Quota;

namespace Bramble.ApiServer.Tests.Admission;

/// <summary>What a quota's status says is used.</summary>
public class QuotaStatusTests
{
    [Theory]
    [InlineData("nothing is used", """{"pods":"2","count/secrets":"1"}""", "[]", """{"count/secrets":"0","pods":"0"}""")]
    [InlineData("requests add up", """{"requests.cpu":"1","pods":"5"}""",
        """[{"spec":{"containers":[{"resources":{"requests":{"cpu":"100m"}}}]}},{"spec":{"containers":[{"resources":{"requests":{"cpu":"200m"}}}]}}]""", """{"pods":"2","requests.cpu":"300m"}""")]
    [InlineData("a pod that ended uses nothing", """{"pods":"5","count/pods":"5"}""", """[{"status":{"phase":"Succeeded"}}]""", """{"count/pods":"1","pods":"0"}""")]
    [InlineData("a pod that nobody ends any more uses nothing", """{"pods":"5","count/pods":"5"}""",
        """[{"metadata":{"deletionTimestamp":"1969-12-31T23:59:00Z","deletionGracePeriodSeconds":30}},{"metadata":{"deletionTimestamp":"1969-12-31T23:59:50Z","deletionGracePeriodSeconds":30}}]""",
        """{"count/pods":"2","pods":"1"}""")]
    [InlineData("a name nobody counts is not shown", """{"pods":"5","bananas":"5"}""", "[]", """{"pods":"0"}""")]
    [InlineData("nor a limit of what has only requests, nor another amount of a class of storage",
        """{"limits.e.com/gpu":"1","requests.e.com/gpu":"1","requests.deviceclass.resource.kubernetes.io/gpu":"1","requests.hugepages-2Mi":"1","gold.storageclass.storage.k8s.io/storage":"1","gold.storageclass.storage.k8s.io/requests.storage":"1"}""", "[]",
        """{"gold.storageclass.storage.k8s.io/requests.storage":"0","requests.deviceclass.resource.kubernetes.io/gpu":"0","requests.e.com/gpu":"0","requests.hugepages-2Mi":"0"}""")]
    [InlineData("nor what is not served or never counted", """{"pods":"5","count/events":"5","count/nodes":"5","count/widgets.e.com":"5","count/gone.e.com":"5"}""", "[]", """{"count/widgets.e.com":"0","pods":"0"}""")]
    [InlineData("a smaller request counts when it is in force", """{"requests.cpu":"9","limits.cpu":"9"}""", """
        [{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"1"},"limits":{"cpu":"2"}}}]},
          "status":{"containerStatuses":[{"name":"c","allocatedResources":{"cpu":"1500m"},"resources":{"requests":{"cpu":"3"},"limits":{"cpu":"4"}}}]}}]
        """, """{"limits.cpu":"4","requests.cpu":"3"}""")]
    [InlineData("a greater one that is never to be does not", """{"requests.cpu":"9","limits.cpu":"9"}""", """
        [{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"8"},"limits":{"cpu":"8"}}}]},
          "status":{"conditions":[{"type":"PodResizePending","reason":"Infeasible"}],"containerStatuses":[{"name":"c","allocatedResources":{"cpu":"1500m"},"resources":{"requests":{"cpu":"1"},"limits":{"cpu":"2"}}}]}}]
        """, """{"limits.cpu":"2","requests.cpu":"1500m"}""")]
    public void Used_is_what_there_is(string name, string hard, string pods, string used)
    {
        var reader = new FixedReader().With("apiextensions.k8s.io", "customresourcedefinitions",
            """{"metadata":{"name":"widgets.e.com"},"spec":{"scope":"Namespaced"},"status":{"conditions":[{"type":"Established","status":"True"}]}}""");
        var index = 0;
        foreach (var pod in JsonNode.Parse(pods)!.AsArray())
        {
            var tree = (JsonObject)pod!.DeepClone();
            var meta = tree["metadata"] as JsonObject ?? [];
            (meta["name"], meta["namespace"], meta["uid"]) = ($"p{index++}", "n", "u");
            if (meta.Parent is null) tree["metadata"] = meta;
            reader.With("", "pods", tree.ToJsonString());
        }
        var quota = new JsonObject { ["metadata"] = new JsonObject { ["name"] = "q", ["namespace"] = "n" }, ["spec"] = new JsonObject { ["hard"] = JsonNode.Parse(hard) } };
        var status = QuotaStatus.Decide(quota, reader, DateTimeOffset.UnixEpoch);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(used), status!["used"]), $"{name}: {status.ToJsonString()}");
        quota["status"] = status;
        Assert.Null(QuotaStatus.Decide(quota, reader, DateTimeOffset.UnixEpoch));
    }
}
