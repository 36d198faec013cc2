using System.Text.Json.Nodes;
using Bramble.Scheduler.Devices;
using Bramble.Scheduler.Plugins;

namespace Bramble.Scheduler.Tests.Devices;

/// <summary>What expressions say of a device of the driver <c>dra</c>.</summary>
public sealed class DeviceSelectorsTests
{
    private static readonly Device Some = ResourceSlice.Of(JsonNode.Parse("""
        {"spec":{"driver":"dra","pool":{"name":"p","generation":1,"resourceSliceCount":1},"devices":[{"name":"d","allowMultipleAllocations":true,
         "attributes":{"yes":{"bool":true},"dra/no":{"bool":false},"number":{"int":3},"text":{"string":"some_example_text"},"other/version":{"version":"1.2.0"}},"capacity":{"memory":{"value":"1Mi"}}}]}}
        """)!.AsObject())!.Devices[0];

    [Theory]
    [InlineData("true", "yes")]
    [InlineData("false", "no")]
    [InlineData("device.driver == 'dra'", "yes")]
    [InlineData("device.allowMultipleAllocations == true", "yes")]
    [InlineData("device.attributes['dra'].yes", "yes")]
    [InlineData("device.attributes['dra']['no']", "no")]
    [InlineData("cel.bind(dra, device.attributes['dra'], dra.yes && !dra.no)", "yes")]
    [InlineData("device.attributes['dra'].number > 2", "yes")]
    [InlineData("device.attributes['other'].version.isGreaterThan(semver('0.0.1'))", "yes")]
    [InlineData("device.attributes['dra'].text.split('example').size() >= 2", "yes")]
    [InlineData("device.attributes['dra'].text.matches('[^a]?xam')", "yes")]
    [InlineData("device.capacity['dra'].memory.isGreaterThan(quantity('1Ki'))", "yes")]
    [InlineData("!('disk' in device.capacity['dra']) || device.capacity['dra'].disk.isGreaterThan(quantity('1Ki'))", "yes")]
    [InlineData("'dra' in device.attributes", "yes")]
    [InlineData("'none' in device.attributes", "no")]
    [InlineData("'other' in device.capacity", "no")]
    [InlineData("device.attributes.exists_one(domain, domain == 'dra')", "yes")]
    [InlineData("device.attributes['dra'].exists_one(name, name == 'text')", "yes")]
    [InlineData("device.capacity.exists(domain, domain == 'other')", "no")]
    [InlineData("size(device.attributes) == 2", "yes")]
    [InlineData("device.attributes['none'].x == 1", "CEL runtime error: no such key: x")]
    [InlineData("device.attributes['dra'].x.isGreaterThan(quantity('0'))", "CEL runtime error: no such key: x")]
    [InlineData("device.attributes['dra'].text", "CEL runtime error: CEL result of type string could not be converted to bool")]
    [InlineData("device.attributes['dra'].number", "CEL runtime error: CEL result of type int could not be converted to bool")]
    [InlineData(
        "[1,2,3,4,5,6,7,8,9,10].all(x, [1,2,3,4,5,6,7,8,9,10].all(y, [1,2,3,4,5,6,7,8,9,10].all(z, [1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, x + y + z + a + b + c < 1000))))))",
        "CEL runtime error: operation cancelled: actual cost limit exceeded")]
    public void Says(string expression, string expected)
    {
        var selectors = new DeviceSelectors();
        if (!expected.StartsWith("CEL", StringComparison.Ordinal))
        {
            Assert.Equal(expected == "yes", selectors.Matches([expression], Some, "claim d/c"));
            return;
        }
        Assert.Equal($"running \"DynamicResources\" filter plugin: claim d/c: selector #1: {expected}", Assert.Throws<SchedulingException>(() => selectors.Matches(["true", expression], Some, "claim d/c")).Message);
    }
}
