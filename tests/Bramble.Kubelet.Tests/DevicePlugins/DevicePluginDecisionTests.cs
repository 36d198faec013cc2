using System.Text.Json.Nodes;
using Bramble.Kubelet.DevicePlugins;
using Bramble.Kubelet.DevicePlugins.Protocol;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Kubelet.Tests.DevicePlugins;

public sealed class DevicePluginDecisionTests
{
    [Theory]
    [InlineData(1, "a b c", "", "", "", "a")]
    [InlineData(1, "a b c", "", "", "c", "c")]
    [InlineData(2, "a b c", "", "", "c", "c a")]
    [InlineData(2, "a b c", "a", "", "a", "b c")] // what it prefers is in use
    [InlineData(2, "a b c", "b", "b", "c", "b c")] // an init container before had b
    [InlineData(1, "a b c", "b c", "b c", "a", "b")]
    [InlineData(2, "a b", "", "", "x y a", "a b")] // it prefers what it has not
    [InlineData(3, "a b", "", "", "", "requested number of devices unavailable for r. Requested: 3, Available: 2")]
    [InlineData(2, "a b", "a b", "a", "", "requested number of devices unavailable for r. Requested: 1, Available: 0")]
    public void Devices_are_chosen(int count, string healthy, string inUse, string reusable, string preferred, string expected)
    {
        string shown;
        try
        {
            shown = string.Join(' ', new DeviceChoice("r", count, Set(healthy), Set(inUse), Set(reusable)).Decide(Set(preferred)));
        }
        catch (DevicePluginException e)
        {
            shown = e.Message;
        }
        Assert.Equal(expected, shown);

        static HashSet<string> Set(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
    }

    [Theory]
    [InlineData("example.com/dongle", true)]
    [InlineData("nvidia.com/gpu", true)]
    [InlineData("cpu", false)]
    [InlineData("hugepages-2Mi", false)]
    [InlineData("kubernetes.io/x", false)]
    [InlineData("node.kubernetes.io/x", false)]
    [InlineData("requests.example.com/x", false)]
    [InlineData("/x", false)]
    [InlineData("a/b/c", false)]
    public void Names_of_extended_resources(string name, bool isOne) => Assert.Equal(isOne, ExtendedResources.IsName(name));

    [Theory]
    [InlineData(false, "4 4", "2 1")]
    [InlineData(true, "0 0", "2 1")]
    public void The_status_keeps_what_others_wrote(bool isReset, string told, string plugin)
    {
        var wanted = (JsonObject)JsonNode.Parse("""{"capacity":{"cpu":"4"},"allocatable":{"cpu":"3"}}""")!;
        var current = (JsonObject)JsonNode.Parse("""{"capacity":{"cpu":"8","example.com/told":"4","example.com/plugin":"9","hugepages-1Gi":"0"},"allocatable":{"example.com/told":"1"}}""")!;
        ExtendedResources.AddTo(wanted, current, [("example.com/plugin", 2, 1)], isReset);
        Assert.Equal("4 3", Of("cpu"));
        Assert.Equal(told, Of("example.com/told"));
        Assert.Equal(plugin, Of("example.com/plugin"));
        // A size of pages that the kernel has no more goes away.
        Assert.Equal(" ", Of("hugepages-1Gi"));

        string Of(string name) => $"{wanted["capacity"]![name]} {wanted["allocatable"]![name]}";
    }

    [Fact]
    public void Allocations_are_known_after_a_start()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var file = Path.Combine(folder.FullName, "kubelet_internal_checkpoint");
            var allocations = DeviceAllocations.Open(file, NullLogger.Instance);
            var response = new ContainerAllocateResponse();
            response.Envs["A"] = "b";
            allocations.Add(new DeviceAllocation("pod-1", "main", "example.com/x", ["d1", "d2"], response));
            allocations.Add(new DeviceAllocation("pod-2", "main", "example.com/x", ["d3"], response));
            var resource = new PluginResource();
            resource.Update([new PluginDevice { ID = "d1", Health = "Healthy" }]);
            allocations.Save([KeyValuePair.Create("example.com/x", resource)]);

            var again = DeviceAllocations.Open(file, NullLogger.Instance);
            Assert.Equal(["example.com/x"], again.Registered);
            Assert.Equal(["d1", "d2", "d3"], again.InUse("example.com/x").Order());
            Assert.Equal("b", again.Find("pod-1", "main", "example.com/x")!.Response.Envs["A"]);
            Assert.Equal(["pod-2"], again.PodsWith("example.com/x", ["d3", "d9"]));
            Assert.True(again.Remove("pod-1"));
            Assert.False(again.Remove("pod-1"));
            Assert.Equal(["d3"], again.InUse("example.com/x"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void The_file_of_a_K3s_node_is_read_and_an_unreadable_one_is_set_aside()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var file = Path.Combine(folder.FullName, "kubelet_internal_checkpoint");
            // Devices of several NUMA nodes, one of them of both.
            File.WriteAllText(file, """
                {"Data":{"PodDeviceEntries":[{"PodUID":"p","ContainerName":"c","ResourceName":"example.com/x","DeviceIDs":{"0":["a","b"],"1":["b"]},"AllocResp":"CgYKAUESAWI="}],
                 "RegisteredDevices":{"example.com/x":["a","b"]}},"Checksum":3650233142}
                """);
            var allocations = DeviceAllocations.Open(file, NullLogger.Instance);
            Assert.Equal(["a", "b"], allocations.Find("p", "c", "example.com/x")!.Devices);
            Assert.Equal("b", allocations.Find("p", "c", "example.com/x")!.Response.Envs["A"]);

            File.WriteAllText(file, "{");
            Assert.Empty(DeviceAllocations.Open(file, NullLogger.Instance).PodUids);
            Assert.Equal("{", File.ReadAllText(file + ".unreadable"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_plugin_that_went_leaves_its_devices_until_its_time_is_over()
    {
        var now = DateTimeOffset.UnixEpoch;
        var resource = new PluginResource();
        Assert.Equal(["a", "b"], resource.Update([Device("a", true), Device("b", false)]));
        Assert.Equal(["a"], resource.HealthyDevices);
        Assert.Equal(["b"], resource.Update([Device("a", true), Device("b", true)]));
        resource.Lose();
        resource.StoppedAt = now;
        Assert.Equal((2, 0), (resource.Count, resource.HealthyDevices.Count()));
        Assert.Equal("Unhealthy Unknown", $"{resource.HealthOf("a")} {resource.HealthOf("c")}");
        Assert.False(resource.IsOver(now.AddMinutes(4)));
        Assert.True(resource.IsOver(now.AddMinutes(5)));

        static PluginDevice Device(string id, bool isHealthy) => new() { ID = id, Health = isHealthy ? "Healthy" : "Unhealthy" };
    }
}
