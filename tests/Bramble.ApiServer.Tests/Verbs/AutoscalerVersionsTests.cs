using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Verbs;

/// <summary>autoscaling/v1 and v2 are two looks at one object.</summary>
public sealed class AutoscalerVersionsTests
{
    /// <summary>What v1 keeps in annotations has fields of its own in v2: there they are nobody's, and broken ones are nothing in either.</summary>
    [Theory]
    [InlineData("v1", "")]
    [InlineData("v1", "abc")]
    [InlineData("v1", "[]")]
    [InlineData("v1", "[{\"type\":5}]")]
    [InlineData("v2", "")]
    [InlineData("v2", "abc")]
    [InlineData("v2", "[{\"type\":\"Resource\",\"resource\":{\"name\":\"memory\",\"targetAverageValue\":\"1\"}}]")]
    public async Task Annotations_for_the_other_version_do_not_stay(string version, string value)
    {
        await using var api = await InMemoryApi.StartAsync();
        var cancel = TestContext.Current.CancellationToken;
        await api.Client.CreateAsync(Resources.Namespaces, new JsonObject { ["metadata"] = new JsonObject { ["name"] = "d" } }, cancel);
        var annotations = new JsonObject { ["own"] = "1" };
        foreach (var name in (string[])["metrics", "behavior", "current-metrics", "conditions", "scale-up-tolerance", "scale-down-tolerance"]) annotations["autoscaling.alpha.kubernetes.io/" + name] = value;
        ResourceId resource = Resources.HorizontalPodAutoscalers;
        var hpa = new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "a", ["namespace"] = "d", ["annotations"] = annotations },
            ["spec"] = new JsonObject { ["maxReplicas"] = 3, ["scaleTargetRef"] = new JsonObject { ["apiVersion"] = "apps/v1", ["kind"] = "Deployment", ["name"] = "x" } },
        };
        await CheckAsync(await api.Client.CreateAsync(resource with { Version = version }, (JsonObject)hpa.DeepClone(), cancel));
        await CheckAsync(await api.Client.UpdateAsync(resource with { Version = version }, new NamespacedName("d", "a"), hpa, null, cancel));

        async Task CheckAsync(KubeObject written)
        {
            var read = (await api.Client.FindAsync(resource, new NamespacedName("d", "a"), cancel))!.ToTree();
            foreach (var tree in (JsonObject[])[written.ToTree(), read]) Assert.Equal("""{"own":"1"}""", tree["metadata"]!["annotations"]!.ToJsonString());
            Assert.DoesNotContain("autoscaling.alpha", read["metadata"]!["managedFields"]!.ToJsonString(), StringComparison.Ordinal);
            Assert.Equal("""[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}]""", read["spec"]!["metrics"]!.ToJsonString());
        }
    }

    [Theory]
    [InlineData("{}", null)]
    [InlineData("""{"policies":null}""", null)]
    [InlineData("""{"policies":[]}""", "spec.behavior.scaleDown.policies: Required value: must specify at least one Policy")]
    public async Task No_policies_are_not_the_default_ones(string scaleDown, string? wrong)
    {
        await using var api = await InMemoryApi.StartAsync();
        var cancel = TestContext.Current.CancellationToken;
        await api.Client.CreateAsync(Resources.Namespaces, new JsonObject { ["metadata"] = new JsonObject { ["name"] = "d" } }, cancel);
        var hpa = JsonNode.Parse($$$"""
            {"metadata":{"name":"a","namespace":"d"},"spec":{"maxReplicas":3,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"x"},"behavior":{"scaleDown":{{{scaleDown}}} } } }
            """)!.AsObject();
        var refusal = await Record.ExceptionAsync(() => api.Client.CreateAsync(Resources.HorizontalPodAutoscalers, hpa, cancel).AsTask());
        if (wrong is null) Assert.Null(refusal);
        else Assert.Contains(wrong, refusal!.Message, StringComparison.Ordinal);
    }
}
