using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Tests;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.Volumes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Scheduler.Tests.Volumes;

/// <summary>Which changes of storage may help a Pod that waits.</summary>
public sealed class StorageChangesTests
{
    /// <summary>The resource, the rest of the object before (null: it is new) and after (null: it goes), and what is told.</summary>
    [Theory]
    [InlineData("csidrivers", """{"storageCapacity":true}""", """{"storageCapacity":false}""", "CsiDriverChanged")]
    [InlineData("csidrivers", """{"storageCapacity":true}""", "{}", "CsiDriverChanged")]
    [InlineData("csidrivers", """{"storageCapacity":false}""", """{"storageCapacity":true}""", "None")]
    [InlineData("csidrivers", """{"storageCapacity":true}""", """{"storageCapacity":true,"podInfoOnMount":true}""", "None")]
    [InlineData("csidrivers", null, """{"storageCapacity":false}""", "None")]
    [InlineData("csinodes", null, """{"drivers":[]}""", "CsiNodeAdded")]
    [InlineData("csinodes", """{"drivers":[{"name":"a","allocatable":{"count":3}}]}""", """{"drivers":[{"name":"a","allocatable":{"count":4}}]}""", "CsiNodeChanged")]
    [InlineData("csinodes", """{"drivers":[{"name":"a","allocatable":{"count":3}}]}""", """{"drivers":[{"name":"a","allocatable":{"count":2}}]}""", "None")]
    [InlineData("csinodes", """{"drivers":[{"name":"a","allocatable":{"count":3}}]}""", """{"drivers":[{"name":"a","allocatable":{"count":3},"nodeID":"i"}]}""", "None")]
    [InlineData("csinodes", """{"drivers":[]}""", """{"drivers":[{"name":"a","allocatable":{"count":1}}]}""", "CsiNodeChanged")]
    [InlineData("csinodes", """{"drivers":[{"name":"a","allocatable":{"count":3}}]}""", """{"drivers":[{"name":"a"}]}""", "CsiNodeChanged")]
    [InlineData("csistoragecapacities", null, """{"storageClassName":"c"}""", "CapacityAdded")]
    [InlineData("csistoragecapacities", """{"capacity":"1Gi"}""", """{"capacity":"2Gi"}""", "CapacityChanged")]
    [InlineData("csistoragecapacities", """{"capacity":"2Gi"}""", """{"capacity":"1Gi"}""", "None")]
    [InlineData("csistoragecapacities", """{"capacity":"2Gi"}""", """{"capacity":"3Gi","maximumVolumeSize":"1Gi"}""", "None")]
    [InlineData("csistoragecapacities", """{"capacity":"2Gi","maximumVolumeSize":"1Gi"}""", """{"capacity":"1Gi","maximumVolumeSize":"2Gi"}""", "CapacityChanged")]
    [InlineData("csistoragecapacities", "{}", """{"capacity":"1"}""", "CapacityChanged")]
    [InlineData("volumeattachments", """{"attacher":"a","nodeName":"n","source":{"persistentVolumeName":"v"}}""", null, "AttachmentRemoved")]
    [InlineData("volumeattachments", null, """{"attacher":"a","nodeName":"n","source":{"persistentVolumeName":"v"}}""", "None")]
    public async Task Told(string plural, string? before, string? after, string expected)
    {
        var api = new TestCluster();
        ResourceId resource = plural switch
        {
            "csidrivers" => Resources.CSIDrivers,
            "csinodes" => Resources.CSINodes,
            "csistoragecapacities" => Resources.CSIStorageCapacities,
            _ => Resources.VolumeAttachments,
        };
        var isFlat = plural == "csistoragecapacities";
        var name = new NamespacedName(isFlat ? "d" : "", "x");
        if (before is not null) await api.CreateAsync(resource, name, Object(before), null, default);
        await using var informers = new Informers(api, TimeProvider.System, NullLoggerFactory.Instance);
        var view = new StorageView(informers);
        await view.Synced;
        var told = new List<ChangeKinds>();
        var following = view.Follow(change => told.Add(change.Kind));
        told.Clear();      // what was there already

        if (after is null) await api.RemoveAsync(resource, name);
        else if (before is null) await api.CreateAsync(resource, name, Object(after), null, default);
        else
            await api.ChangeAsync(resource, name, t =>
            {
                if (!isFlat)
                {
                    t["spec"] = JsonNode.Parse(after);
                    return;
                }
                foreach (var field in (string[])["capacity", "maximumVolumeSize"]) t.Remove(field);
                foreach (var (field, value) in JsonNode.Parse(after)!.AsObject()) t[field] = value!.DeepClone();
            });
        var newest = (await api.ListAsync(resource, new ListQuery(), default)).Items;
        var copy = informers.ForObjects(resource);
        await copy.WaitUntilAsync(() => newest.Count == 0 ? copy.List().Count == 0 : copy.Find(name)?.ResourceVersion == newest[0].ResourceVersion, default);
        // Handlers are told under one lock: who can subscribe comes after the view has heard of it.
        copy.Subscribe(static _ => { }).Dispose();
        Assert.Equal(expected, told.Count == 0 ? "None" : Assert.Single(told).ToString());
        Assert.Equal(plural == "volumeattachments" && after is not null ? 1 : 0, view.AttachedTo("n").Count);
        foreach (var one in following) one.Dispose();

        JsonObject Object(string json)
        {
            var tree = isFlat ? JsonNode.Parse(json)!.AsObject() : new JsonObject { ["spec"] = JsonNode.Parse(json) };
            tree["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace };
            return tree;
        }
    }
}
