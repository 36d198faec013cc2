using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Devices;

/// <summary>How many devices nodes have of the extended resources a Pod asks for and a DeviceClass serves, for scores that weigh such resources. KEP-5004.</summary>
internal sealed class DeviceTotals
{
    private readonly Dictionary<string, DeviceClass> _classOf;
    private readonly DeviceAllocator _allocator;

    private DeviceTotals(Dictionary<string, DeviceClass> classOf, DeviceAllocator allocator) => (_classOf, _allocator) = (classOf, allocator);

    /// <returns>Null: none of the weighed resources is one.</returns>
    public static DeviceTotals? Of(DeviceView? devices, ResourceAmounts requests, IReadOnlyList<(string Resource, long Weight)> weighed)
    {
        if (devices is null || requests.Scalars is null || !weighed.Any(w => requests[w.Resource] > 0 && ResourceAmounts.IsScalar(w.Resource))) return null;
        return devices.ClassesOf(requests) is { } served ? new(served, devices.Allocator(new DeviceSelectors())) : null;
    }

    public (long All, long Used) On(NodeInfo node, string resource) => _classOf.TryGetValue(resource, out var ofClass) ? _allocator.Count(ofClass, node.Node) : default;
}
