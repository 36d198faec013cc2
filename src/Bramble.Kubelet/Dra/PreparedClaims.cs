using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Kubelet.Plugins;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Dra;

/// <summary>A device as its driver described it when it was prepared.</summary>
internal sealed class PreparedDevice
{
    public required string Pool { get; init; }
    public required string Name { get; init; }
    public string? ShareId { get; init; }

    /// <summary>Empty: it is for every request of its claim.</summary>
    public required IReadOnlyList<string> Requests { get; init; }
    public required IReadOnlyList<string> CdiIds { get; init; }
}

/// <summary>A ResourceClaim in use on this node. Changed under <see cref="PreparedClaims.Gate"/> only.</summary>
internal sealed class PreparedClaim(string @namespace, string name, string uid)
{
    public string Namespace { get; } = @namespace;
    public string Name { get; } = name;
    public string Uid { get; } = uid;

    /// <summary>Uids of the pods that use it.</summary>
    public SortedSet<string> Pods { get; } = new(StringComparer.Ordinal);

    /// <summary>All drivers of its allocation, also those that give no device.</summary>
    public SortedDictionary<string, IReadOnlyList<PreparedDevice>> Drivers { get; } = new(StringComparer.Ordinal);

    /// <summary>Not kept over a restart: a new sandbox asks the drivers again, which is safe to repeat.</summary>
    public bool IsPrepared { get; set; }

    /// <summary>A driver is taking it back: nobody else may begin with it meanwhile.</summary>
    public bool IsEnding { get; set; }
}

/// <summary>The ResourceClaims in use here, and their file: upstream's <c>dra_manager_state</c>, in its format, so that a node of K3s can be taken over. It is
/// written before a driver is asked, so that a claim which may be prepared is always known, and only when something has changed.</summary>
internal sealed class PreparedClaims
{
    private readonly string _file;
    private readonly Dictionary<string, PreparedClaim> _claims = new(StringComparer.Ordinal);
    private string _written = "";

    private PreparedClaims(string file) => _file = file;

    /// <summary>Held for everything here but <see cref="Open"/>.</summary>
    public Lock Gate { get; } = new();

    public IReadOnlyCollection<PreparedClaim> All => _claims.Values;

    public static PreparedClaims Open(string folder, ILogger log)
    {
        var claims = new PreparedClaims(Path.Combine(folder, "dra_manager_state"));
        if (!File.Exists(claims._file)) return claims;
        try
        {
            claims.Read(File.ReadAllText(claims._file));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or InvalidDataException)
        {
            claims._claims.Clear();
            Log.ClaimsUnreadable(log, claims._file, e.Message, CheckpointFile.SetAside(claims._file));
        }
        return claims;
    }

    public PreparedClaim? Find(string @namespace, string name) => _claims.GetValueOrDefault($"{@namespace}/{name}");

    public void Add(PreparedClaim claim) => _claims[$"{claim.Namespace}/{claim.Name}"] = claim;

    public void Remove(PreparedClaim claim) => _claims.Remove($"{claim.Namespace}/{claim.Name}");

    /// <exception cref="IOException">It could not be written.</exception>
    public void Save()
    {
        var data = Data();
        if (data == _written) return;
        var text = new JsonObject { ["Data"] = data, ["Checksum"] = Crc32(Encoding.UTF8.GetBytes(data)) }.ToJsonString();
        CheckpointFile.Write(_file, text);
        _written = data;
    }

    private string Data()
    {
        var list = new JsonArray();
        foreach (var claim in _claims.Values.OrderBy(c => c.Namespace, StringComparer.Ordinal).ThenBy(c => c.Name, StringComparer.Ordinal))
        {
            var pods = new JsonObject();
            foreach (var pod in claim.Pods) pods[pod] = new JsonObject();
            var drivers = new JsonObject();
            foreach (var (driver, devices) in claim.Drivers) drivers[driver] = new JsonObject { ["Devices"] = new JsonArray([.. devices.Select(ToJson)]) };
            list.Add((JsonNode)new JsonObject { ["ClaimUID"] = claim.Uid, ["ClaimName"] = claim.Name, ["Namespace"] = claim.Namespace, ["PodUIDs"] = pods, ["DriverState"] = drivers });
        }
        return new JsonObject { ["kind"] = "DRACheckpoint", ["apiVersion"] = "checkpoint.dra.kubelet.k8s.io/v1", ["ClaimInfoStateList"] = list }.ToJsonString();
    }

    private static JsonNode ToJson(PreparedDevice device) => new JsonObject
    {
        ["PoolName"] = device.Pool,
        ["DeviceName"] = device.Name,
        ["ShareID"] = device.ShareId,
        ["RequestNames"] = new JsonArray([.. device.Requests.Select(r => (JsonNode)r)]),
        ["CDIDeviceIDs"] = new JsonArray([.. device.CdiIds.Select(id => (JsonNode)id)]),
    };

    private void Read(string text)
    {
        var checkpoint = JsonNode.Parse(text);
        var data = (string?)checkpoint?["Data"] ?? throw new InvalidDataException("it has no data");
        if ((uint?)checkpoint?["Checksum"] != Crc32(Encoding.UTF8.GetBytes(data))) throw new InvalidDataException("its checksum is wrong");
        foreach (var entry in JsonNode.Parse(data)?["ClaimInfoStateList"] as JsonArray ?? [])
        {
            var claim = new PreparedClaim(Text(entry?["Namespace"]), Text(entry?["ClaimName"]), Text(entry?["ClaimUID"]));
            foreach (var (pod, _) in entry?["PodUIDs"] as JsonObject ?? []) claim.Pods.Add(pod);
            foreach (var (driver, state) in entry?["DriverState"] as JsonObject ?? [])
                claim.Drivers[driver] = [.. (state?["Devices"] as JsonArray ?? []).Select(d => new PreparedDevice
                {
                    Pool = Text(d?["PoolName"]),
                    Name = Text(d?["DeviceName"]),
                    ShareId = (string?)d?["ShareID"],
                    Requests = Texts(d?["RequestNames"]),
                    CdiIds = Texts(d?["CDIDeviceIDs"]),
                })];
            Add(claim);
        }
        _written = data;
    }

    private static string Text(JsonNode? node) => (string?)node ?? "";

    private static string[] Texts(JsonNode? node) => [.. (node as JsonArray ?? []).Select(Text)];

    /// <summary>The checksum that upstream's file has (IEEE 802.3); a few kilobytes, seldom.</summary>
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xEDB88320 & (uint)-(int)(crc & 1));
        }
        return ~crc;
    }
}
