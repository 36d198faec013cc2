using System.Text.Json.Nodes;

namespace Bramble.Kubelet.DevicePlugins;

/// <summary>Resources beside the kernel's, named <c>example.com/dongle</c>: of device plugins, or written into the node's capacity by its administrator, who is
/// left alone (task page "Advertise Extended Resources for a Node"). Pure.</summary>
internal static class ExtendedResources
{
    /// <summary>A name with a domain that is not Kubernetes' own, which a quota can hold too.</summary>
    public static bool IsName(string name)
    {
        var slash = name.IndexOf('/');
        return slash > 0 && slash < name.Length - 1 && name.LastIndexOf('/') == slash && name.Length <= 253
            && !name.Contains("kubernetes.io/", StringComparison.Ordinal) && !name.StartsWith("requests.", StringComparison.Ordinal);
    }

    /// <summary>Writes them into a node's status.</summary>
    /// <param name="current">The status that the API has.</param>
    /// <param name="isReset">What the API has is of another machine: nothing of it is left.</param>
    public static void AddTo(JsonObject wanted, JsonObject? current, IReadOnlyList<(string Resource, int Capacity, int Allocatable)> plugins, bool isReset)
    {
        var (capacity, allocatable) = (wanted["capacity"]!.AsObject(), wanted["allocatable"]!.AsObject());
        foreach (var (name, amount) in current?["capacity"] as JsonObject ?? [])
        {
            if (!IsName(name) || capacity.ContainsKey(name)) continue;
            capacity[name] = isReset ? "0" : amount?.DeepClone();
            allocatable[name] = capacity[name]?.DeepClone();
        }
        foreach (var (name, all, free) in plugins)
        {
            capacity[name] = all.ToString(System.Globalization.CultureInfo.InvariantCulture);
            allocatable[name] = free.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}
