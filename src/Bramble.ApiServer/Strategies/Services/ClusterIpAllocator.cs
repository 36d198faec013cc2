using System.Net;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.ApiServer.Strategies;

/// <summary>Cluster IPs as IPAddress objects in the ranges of the ServiceCIDR objects (KEP-1880). An address is taken when its object has been created:
/// several servers may allocate at the same time.</summary>
internal sealed class ClusterIpAllocator(ServiceNetwork network, Func<IKubeClient> client)
{
    private static readonly ResourceId Addresses = new("networking.k8s.io", "v1", "ipaddresses", "IPAddress", false);
    private static readonly GroupResource ServiceCidrs = new("networking.k8s.io", "servicecidrs");

    /// <summary>Why a given address cannot be had; null when it was taken.</summary>
    public async ValueTask<string?> TakeAsync(IPAddress address, JsonObject service, StrategyContext context, CancellationToken cancel)
    {
        var ranges = Ranges(context, ServiceNetwork.FamilyOf(address));
        if (context.IsDryRun)
        {
            // Upstream's dry run asks any one of its allocators.
            return ranges.Count == 0 || Contains(ranges[0], address)
                ? null
                : $"the provided IP ({IpText.Canonical(address)}) is not in the valid range. The range of valid IPs is {ranges[0]}";
        }

        if (!ranges.Any(range => Contains(range, address))) return "the provided network does not match the current range";
        return await TryCreateAsync(address, service, cancel) ? null : "provided IP is already allocated";
    }

    /// <summary>A free address of the family; null when the ranges are full. The lower part of a range is left to addresses that users choose (KEP-3070).</summary>
    public async ValueTask<IPAddress?> TakeAnyAsync(string family, JsonObject service, StrategyContext context, CancellationToken cancel)
    {
        foreach (var range in Ranges(context, family))
        {
            if (context.IsDryRun) return range.BaseAddress;
            var hosts = HostBits(range) >= 32 ? uint.MaxValue : (1u << HostBits(range)) - (family == "IPv4" ? 2u : 1u);
            if (HostBits(range) < (family == "IPv4" ? 2 : 1)) continue;
            // min(max(16, size/16), 256), nothing in small ranges.
            var size = HostBits(range) >= 31 ? uint.MaxValue : 1u << HostBits(range);
            var reserved = size <= 16 ? 0 : Math.Clamp(size / 16, 16, 256);
            if (await TakeFromAsync(range, reserved, hosts - reserved, service, context, cancel) is { } upper) return upper;
            if (await TakeFromAsync(range, 0, reserved, service, context, cancel) is { } lower) return lower;
        }

        return null;
    }

    public async ValueTask ReleaseAsync(string address, CancellationToken cancel) =>
        await client().DeleteAsync(Addresses, new NamespacedName("", address), new DeleteQuery(), cancel);

    private async ValueTask<IPAddress?> TakeFromAsync(IPNetwork range, uint first, uint count, JsonObject service, StrategyContext context, CancellationToken cancel)
    {
        if (count == 0) return null;
        var start = (uint)Random.Shared.NextInt64(count);
        for (uint i = 0; i < count; i++)
        {
            // Host 0 is the network itself.
            var address = Host(range.BaseAddress, first + ((start + i) % count) + 1);
            if (context.Reader.Find(Addresses.GroupResource, new NamespacedName("", IpText.Canonical(address))) is not null) continue;
            if (await TryCreateAsync(address, service, cancel)) return address;
        }

        return null;
    }

    private async ValueTask<bool> TryCreateAsync(IPAddress address, JsonObject service, CancellationToken cancel)
    {
        var name = IpText.Canonical(address);
        var body = new JsonObject
        {
            ["apiVersion"] = "networking.k8s.io/v1",
            ["kind"] = "IPAddress",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["labels"] = new JsonObject
                {
                    ["ipaddress.kubernetes.io/ip-family"] = ServiceNetwork.FamilyOf(address),
                    ["ipaddress.kubernetes.io/managed-by"] = "ipallocator.k8s.io",
                },
            },
            ["spec"] = new JsonObject
            {
                ["parentRef"] = new JsonObject { ["resource"] = "services", ["namespace"] = service.ObjectNamespace(), ["name"] = service.ObjectName() },
            },
        };
        try
        {
            await client().CreateAsync(Addresses, new NamespacedName("", name), body, null, cancel);
            return true;
        }
        catch (StatusException e) when (e.IsAlreadyExists)
        {
            return false;
        }
    }

    /// <summary>The ranges that may be allocated from: those of ready ServiceCIDR objects; the configured ones as long as there is no object.</summary>
    private List<IPNetwork> Ranges(StrategyContext context, string family)
    {
        var ranges = new List<IPNetwork>();
        var objects = context.Reader.List(ServiceCidrs);
        foreach (var item in objects)
        {
            var tree = item.ToTree();
            if (tree.Object("metadata").Has("deletionTimestamp") || !IsReady(tree)) continue;
            foreach (var cidr in tree.Object("spec").Texts("cidrs"))
                if (IPNetwork.TryParse(cidr, out var range)) ranges.Add(range);
        }

        if (objects.Count == 0) ranges.AddRange(network.Ranges);
        ranges.RemoveAll(range => ServiceNetwork.FamilyOf(range.BaseAddress) != family);
        return ranges;
    }

    private static bool IsReady(JsonObject cidr)
    {
        foreach (var (_, condition) in cidr.Object("status").Items("conditions"))
            if (condition.Text("type") == "Ready") return condition.Text("status") == "True";
        return true;
    }

    /// <summary>In the range, and neither the network's own address nor IPv4's broadcast.</summary>
    private static bool Contains(IPNetwork range, IPAddress address)
    {
        if (!range.Contains(address) || address.Equals(range.BaseAddress)) return false;
        return ServiceNetwork.FamilyOf(address) == "IPv6" || HostBits(range) == 0 || !address.Equals(Host(range.BaseAddress, (uint)((1L << HostBits(range)) - 1)));
    }

    private static int HostBits(IPNetwork range) => (range.BaseAddress.GetAddressBytes().Length * 8) - range.PrefixLength;

    private static IPAddress Host(IPAddress network, uint offset)
    {
        var bytes = network.GetAddressBytes();
        ulong carry = offset;
        for (var i = bytes.Length - 1; i >= 0 && carry > 0; i--)
        {
            carry += bytes[i];
            bytes[i] = (byte)carry;
            carry >>= 8;
        }

        return new IPAddress(bytes);
    }
}
