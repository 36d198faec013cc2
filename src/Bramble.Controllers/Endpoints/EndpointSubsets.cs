using System.Text.Json.Nodes;

namespace Bramble.Controllers.Endpoints;

/// <summary>An address of an Endpoints object and whether it is ready there.</summary>
internal sealed record SubsetAddress(JsonObject Tree, bool IsReady)
{
    public string Ip => (string?)Tree["ip"] ?? "";
    public string Uid => (string?)Tree["targetRef"]?["uid"] ?? "";
}

/// <summary>Addresses that serve the same ports. The ports' order and the addresses' are upstream's.</summary>
internal sealed record EndpointSubset(IReadOnlyList<ServedPort> Ports, IReadOnlyList<SubsetAddress> Addresses)
{
    public JsonObject ToTree()
    {
        var subset = new JsonObject();
        Add("addresses", Addresses.Where(a => a.IsReady));
        Add("notReadyAddresses", Addresses.Where(a => !a.IsReady));
        if (Ports.Count > 0) subset["ports"] = new JsonArray([.. Ports.Select(p => (JsonNode)p.ToEndpointsPort())]);
        return subset;

        void Add(string field, IEnumerable<SubsetAddress> list)
        {
            var addresses = new JsonArray([.. list.Select(a => (JsonNode)a.Tree.DeepClone())]);
            if (addresses.Count > 0) subset[field] = addresses;
        }
    }

    public static EndpointSubset Of(JsonObject tree) => new(
        [.. (tree["ports"] as JsonArray ?? []).OfType<JsonObject>().Select(p => new ServedPort((string?)p["name"] ?? "", (string?)p["protocol"] ?? "TCP", (int?)p["port"] ?? 0, (string?)p["appProtocol"]))],
        [
            .. (tree["addresses"] as JsonArray ?? []).OfType<JsonObject>().Select(a => new SubsetAddress(a, true)),
            .. (tree["notReadyAddresses"] as JsonArray ?? []).OfType<JsonObject>().Select(a => new SubsetAddress(a, false)),
        ]);
}

internal static class EndpointSubsets
{
    /// <summary>More addresses than this are not written into one Endpoints object, and its annotation says so.</summary>
    private const int AddressesMax = 1000;

    /// <summary>The canonical form: one subset for each set of addresses that some ports have in common. Three Pods of which one serves a second port make two
    /// subsets: all three with the first port, one with the second.</summary>
    public static List<EndpointSubset> Repack(IEnumerable<EndpointSubset> subsets)
    {
        var addresses = new Dictionary<(string, string), SubsetAddress>();
        var byPort = new Dictionary<ServedPort, Dictionary<(string Ip, string Uid), bool>>();
        var none = new ServedPort("", "", -1, null);
        foreach (var subset in subsets)
            foreach (var port in subset.Ports.Count == 0 ? [none] : subset.Ports)
                foreach (var address in subset.Addresses)
                {
                    if (!byPort.TryGetValue(port, out var there)) byPort.Add(port, there = []);
                    var key = (address.Ip, address.Uid);
                    addresses.TryAdd(key, address);
                    // Not ready wins over ready.
                    there[key] = there.GetValueOrDefault(key, true) && address.IsReady;
                }
        var packed = new List<EndpointSubset>();
        foreach (var group in byPort.GroupBy(p => string.Join('|', p.Value.OrderBy(a => a.Key.Ip, StringComparer.Ordinal).ThenBy(a => a.Key.Uid, StringComparer.Ordinal).Select(a => $"{a.Key.Ip}/{a.Key.Uid}/{a.Value}"))))
        {
            var ports = PortOrder.OfEndpoints(group.Select(g => g.Key).Where(p => p.Port > 0));
            var there = group.First().Value.OrderBy(a => a.Key.Ip, StringComparer.Ordinal).ThenBy(a => a.Key.Uid, StringComparer.Ordinal);
            packed.Add(new EndpointSubset(ports, [.. there.Select(a => addresses[a.Key] with { IsReady = a.Value })]));
        }
        return [.. packed.OrderBy(s => PortOrder.Hash(s.ToTree().ToJsonString()))];
    }

    public static int Count(IEnumerable<EndpointSubset> subsets) => subsets.Sum(s => s.Addresses.Count);

    /// <summary>Leaves out what is too much, each subset in proportion, ready addresses last.</summary>
    /// <returns>True: some were left out.</returns>
    public static bool Truncate(List<EndpointSubset> subsets)
    {
        var ready = subsets.Sum(s => s.Addresses.Count(a => a.IsReady));
        var unready = Count(subsets) - ready;
        if (ready + unready <= AddressesMax) return false;
        var cutsReady = ready > AddressesMax;
        var room = cutsReady ? AddressesMax : AddressesMax - ready;
        var total = cutsReady ? ready : unready;
        var left = room;
        for (var i = 0; i < subsets.Count; i++)
        {
            var cut = subsets[i].Addresses.Where(a => a.IsReady == cutsReady).ToList();
            var kept = cut.Take(Math.Min((int)Math.Ceiling((double)cut.Count / total * room), left)).ToList();
            left -= kept.Count;
            subsets[i] = subsets[i] with { Addresses = cutsReady ? kept : [.. subsets[i].Addresses.Where(a => a.IsReady), .. kept] };
        }
        return true;
    }

    public static bool IsTooMany(IEnumerable<EndpointSubset> subsets) => Count(subsets) > AddressesMax;
}
