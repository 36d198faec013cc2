using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Namespaces;

namespace Bramble.Controllers.Tests.Namespaces;

public sealed class NamespaceConditionsTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void What_is_held_by_finalizers_is_told_by_resource_and_by_finalizer()
    {
        var remains = new NamespaceRemains();
        remains.Note(Resources.ConfigMaps, "x", [Item("a", "\"f/x\""), Item("b", "\"f/x\",\"f/y\"")], false);
        remains.Note(Resources.Jobs, "x", [Item("j", "\"f/y\"")], false);
        Assert.Equal([
            "NamespaceDeletionDiscoveryFailure False ResourcesDiscovered: All resources successfully discovered",
            "NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions: All legacy kube types successfully parsed",
            "NamespaceDeletionContentFailure False ContentDeleted: All content successfully deleted, may be waiting on finalization",
            "NamespaceContentRemaining True SomeResourcesRemain: Some resources are remaining: configmaps. has 2 resource instances, jobs.batch has 1 resource instances",
            "NamespaceFinalizersRemaining True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: f/x in 2 resource instances, f/y in 2 resource instances",
        ], Shown(remains));
    }

    [Fact]
    public void What_nothing_holds_is_unexpected()
    {
        var remains = new NamespaceRemains();
        remains.Note(Resources.Jobs, "x", [Item("j", "")], false);
        Assert.Contains("NamespaceDeletionContentFailure True ContentDeletionFailed: Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: x for gvr: batch/v1, Resource=jobs", Shown(remains));
    }

    [Fact]
    public void While_Pods_end_nothing_is_said_of_the_rest_that_was_not_looked_at()
    {
        var remains = new NamespaceRemains { IsPodsOnly = true };
        remains.Note(Resources.Pods, "x", [Item("p", "")], true);
        Assert.Contains("NamespaceContentRemaining False ContentRemoved: All content successfully removed", Shown(remains));
        Assert.False(remains.IsEmpty);
    }

    [Theory]
    [InlineData(29, "Running", true)]
    [InlineData(30, "Running", false)]
    [InlineData(0, "Succeeded", false)]
    public void Pods_have_their_grace_period_from_the_namespaces_deletion_on(int seconds, string phase, bool has) => Assert.Equal(has, NamespaceRemains.HasGrace(
        [KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes("{\"metadata\":{\"name\":\"p\"},\"spec\":{\"terminationGracePeriodSeconds\":30},\"status\":{\"phase\":\"" + phase + "\"}}"))], Noon.AddSeconds(-seconds), Noon));

    private static List<string> Shown(NamespaceRemains remains)
    {
        var ns = new JsonObject { ["status"] = new JsonObject() };
        Assert.True(NamespaceConditions.Apply(ns, remains, Noon));
        return [.. ns["status"]!["conditions"]!.AsArray().Select(c => $"{c!["type"]} {c["status"]} {c["reason"]}: {c["message"]}")];
    }

    private static KubeObject Item(string name, string finalizers) => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes("{\"metadata\":{\"name\":\"" + name + "\",\"finalizers\":[" + finalizers + "]}}"));
}
