using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Kubelet.DevicePlugins.Protocol;
using Bramble.Kubelet.Plugins;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.DevicePlugins;

/// <summary>Devices of one resource that a container has, and what its plugin said must be done to the container.</summary>
internal sealed class DeviceAllocation(string podUid, string container, string resource, IReadOnlyList<string> devices, ContainerAllocateResponse response)
{
    public string PodUid { get; } = podUid;
    public string Container { get; } = container;
    public string Resource { get; } = resource;
    public IReadOnlyList<string> Devices { get; } = devices;
    public ContainerAllocateResponse Response { get; } = response;
}

/// <summary>Which containers have which devices, and the file that tells it after a start: upstream's <c>kubelet_internal_checkpoint</c> in its format, whose
/// checksum (a hash of Go's way to print) is neither read nor written. Used under the gate of <see cref="DevicePluginManager"/> only.</summary>
internal sealed class DeviceAllocations
{
    // Devices without a NUMA node; boards have none.
    private const string WithoutTopology = "-1";

    private readonly string _file;
    private readonly ILogger _log;
    private readonly List<DeviceAllocation> _all = [];

    private DeviceAllocations(string file, ILogger log) => (_file, _log) = (file, log);

    /// <summary>Resources that were registered when the file was written.</summary>
    public IReadOnlyList<string> Registered { get; private set; } = [];

    public IEnumerable<string> PodUids => _all.Select(a => a.PodUid).Distinct();

    public static DeviceAllocations Open(string file, ILogger log)
    {
        var allocations = new DeviceAllocations(file, log);
        if (!File.Exists(file)) return allocations;
        try
        {
            allocations.Read(JsonNode.Parse(File.ReadAllText(file)));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or InvalidProtocolBufferException)
        {
            allocations._all.Clear();
            Log.DevicesUnreadable(log, file, e.Message, CheckpointFile.SetAside(file));
        }
        return allocations;
    }

    public IEnumerable<DeviceAllocation> Of(string podUid, string container) => _all.Where(a => a.PodUid == podUid && a.Container == container);

    public DeviceAllocation? Find(string podUid, string container, string resource) => Of(podUid, container).FirstOrDefault(a => a.Resource == resource);

    public IReadOnlySet<string> InUse(string resource) => _all.Where(a => a.Resource == resource).SelectMany(a => a.Devices).ToHashSet(StringComparer.Ordinal);

    public bool Has(string resource) => _all.Exists(a => a.Resource == resource);

    public IEnumerable<string> PodsWith(string resource, IReadOnlyCollection<string> devices) => _all.Where(a => a.Resource == resource && a.Devices.Any(devices.Contains)).Select(a => a.PodUid).Distinct();

    public void Add(DeviceAllocation allocation) => _all.Add(allocation);

    /// <returns>True: it had some.</returns>
    public bool Remove(string podUid) => _all.RemoveAll(a => a.PodUid == podUid) > 0;

    /// <summary>A file that cannot be written is said: the pod that gets its devices now is better off than one that gets none.</summary>
    public void Save(IEnumerable<KeyValuePair<string, PluginResource>> registered)
    {
        var entries = new JsonArray();
        foreach (var a in _all)
            entries.Add((JsonNode)new JsonObject
            {
                ["PodUID"] = a.PodUid,
                ["ContainerName"] = a.Container,
                ["ResourceName"] = a.Resource,
                ["DeviceIDs"] = new JsonObject { [WithoutTopology] = new JsonArray([.. a.Devices.Select(d => (JsonNode)d)]) },
                ["AllocResp"] = a.Response.ToByteString().ToBase64(),
            });
        var devices = new JsonObject();
        foreach (var (name, resource) in registered) devices[name] = new JsonArray([.. resource.HealthyDevices.Select(d => (JsonNode)d)]);
        try
        {
            CheckpointFile.Write(_file, new JsonObject { ["Data"] = new JsonObject { ["PodDeviceEntries"] = entries, ["RegisteredDevices"] = devices } }.ToJsonString());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.DevicesNotWritten(_log, _file, e.Message);
        }
    }

    private void Read(JsonNode? file)
    {
        var data = file?["Data"];
        foreach (var entry in data?["PodDeviceEntries"] as JsonArray ?? [])
        {
            List<string> devices = [];
            foreach (var (_, ids) in entry?["DeviceIDs"] as JsonObject ?? []) devices.AddRange((ids as JsonArray ?? []).Select(Text).Where(id => !devices.Contains(id)));
            _all.Add(new DeviceAllocation(
                Text(entry?["PodUID"]), Text(entry?["ContainerName"]), Text(entry?["ResourceName"]), devices, ContainerAllocateResponse.Parser.ParseFrom(Convert.FromBase64String(Text(entry?["AllocResp"])))));
        }
        Registered = [.. (data?["RegisteredDevices"] as JsonObject ?? []).Select(d => d.Key)];
    }

    private static string Text(JsonNode? node) => (string?)node ?? "";
}
