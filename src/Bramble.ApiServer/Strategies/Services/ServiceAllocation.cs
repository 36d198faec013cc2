using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;

namespace Bramble.ApiServer.Strategies;

/// <summary>Takes what a Service needs (cluster IPs, node ports, a health check port) and gives back what it does not have any more.
/// Behaviour of pkg/registry/core/service/storage. What was taken before a refusal is given back here.</summary>
internal sealed class ServiceAllocation(ClusterIpAllocator addresses, NodePortAllocator ports)
{
    private static readonly GroupVersionKind Kind = new("", "v1", "Service");
    private static readonly FieldPath PortsPath = FieldPath.Spec.Child("ports");

    public async ValueTask AllocateAsync(JsonObject service, JsonObject? old, StrategyContext context, CancellationToken cancel)
    {
        var (spec, before) = (service.Child("spec"), old.Object("spec"));
        var taken = new Taken([], []);
        try
        {
            if (NeedsAddresses(spec, before)) await AllocateAddressesAsync(service, spec, taken, context, cancel);
            if (ServiceFields.NeedsNodePort(spec)) AllocateNodePorts(service, spec, before, taken, context);
            if (ServiceFields.NeedsHealthCheckNodePort(spec) && (before is null || !ServiceFields.NeedsHealthCheckNodePort(before))) AllocateHealthCheckPort(spec, taken, context);
            // A dry run only shows what would be taken.
            if (context.IsDryRun) foreach (var port in taken.Ports) ports.Release(port);
        }
        catch (StatusException)
        {
            await GiveBackAsync(taken, cancel);
            throw;
        }
    }

    /// <summary>Gives back what <paramref name="service"/> has and <paramref name="remaining"/> has not.</summary>
    public async ValueTask ReleaseAsync(JsonObject service, JsonObject? remaining, StrategyContext context, CancellationToken cancel)
    {
        if (context.IsDryRun) return;
        var (ours, kept) = (new HashSet<int>(), new HashSet<int>());
        NodePortAllocator.CollectPorts(service, ours);
        if (remaining is not null) NodePortAllocator.CollectPorts(remaining, kept);
        var spec = service.Object("spec");
        var taken = new Taken(
            ServiceFields.NeedsClusterIp(spec ?? []) ? [.. spec.Texts("clusterIPs").Where(ip => ip is not ("None" or "")).Except(remaining.Object("spec").Texts("clusterIPs"))] : [],
            [.. ours.Except(kept)]);
        await GiveBackAsync(taken, cancel);
    }

    private async ValueTask GiveBackAsync(Taken taken, CancellationToken cancel)
    {
        foreach (var port in taken.Ports) ports.Release(port);
        foreach (var address in taken.Addresses) await addresses.ReleaseAsync(address, cancel);
    }

    /// <summary>New, no longer an ExternalName, or a second family added.</summary>
    private static bool NeedsAddresses(JsonObject spec, JsonObject? before)
    {
        if (!ServiceFields.NeedsClusterIp(spec) || spec.Texts("clusterIPs").FirstOrDefault() == "None") return false;
        if (before is null || !ServiceFields.NeedsClusterIp(before)) return true;
        return before.Texts("clusterIPs").FirstOrDefault() != "None" && before.Count("ipFamilies") == 1 && spec.Count("ipFamilies") == 2;
    }

    private async ValueTask AllocateAddressesAsync(JsonObject service, JsonObject spec, Taken taken, StrategyContext context, CancellationToken cancel)
    {
        if (spec.Array("clusterIPs") is not { } ips) spec["clusterIPs"] = ips = [];
        var known = ips.Count > 0 && spec.Count("ipFamilies") == 2 && context.Reader.Find(new("", "services"), new(service.ObjectNamespace(), service.ObjectName())) is { } current
            ? current.ToTree().Object("spec").Texts("clusterIPs").ToList()
            : [];
        var index = 0;
        foreach (var family in spec.Texts("ipFamilies").ToList())
        {
            var wanted = index < ips.Count ? ips[index].AsText() ?? "" : "";
            if (wanted.Length == 0)
            {
                if (await addresses.TakeAnyAsync(family, service, context, cancel) is not { } free)
                    throw StatusErrors.Internal($"failed to allocate a serviceIP for Service {FieldError.Quote(service.ObjectName())}: range is full");
                var text = IpText.Canonical(free);
                if (!context.IsDryRun) taken.Addresses.Add(text);
                if (index < ips.Count) ips[index] = text;
                else ips.Add((JsonNode)text);
            }
            else if (!known.Contains(wanted))
            {
                if (await addresses.TakeAsync(IpText.Parse(wanted)!, service, context, cancel) is { } why) throw Invalid(service, "spec.clusterIPs", ips, $"failed to allocate IP {wanted}: {why}");
                if (!context.IsDryRun) taken.Addresses.Add(IpText.Canonical(IpText.Parse(wanted)!));
            }

            index++;
        }

        if (ips.Count > 0) spec["clusterIP"] = ips[0].AsText();
    }

    private void AllocateNodePorts(JsonObject service, JsonObject spec, JsonObject? before, Taken taken, StrategyContext context)
    {
        var shouldAllocate = spec.Text("type") == "NodePort" || spec.Bool("allocateLoadBalancerNodePorts");
        var known = new HashSet<long>();
        foreach (var (_, port) in before.Items("ports")) known.Add(port.Long("nodePort"));
        // One port in two protocols (DNS) has one node port.
        var byPort = new Dictionary<long, long>();
        var ours = new HashSet<long>();
        foreach (var (index, port) in spec.Items("ports"))
        {
            var (number, wanted) = (port.Long("port"), port.Long("nodePort"));
            if (wanted == 0 && !shouldAllocate) continue;
            if (before is null && byPort.TryGetValue(number, out var same) && (wanted == 0 || wanted == same))
            {
                port["nodePort"] = same;
                continue;
            }

            if (wanted == 0 && before is null) wanted = RequestedFor(spec, number);
            if (wanted == 0) wanted = Take(taken, context);
            else if (!known.Contains(wanted) && (before is null || ours.Add(wanted))) TakeGiven(service, PortsPath.Index(index).Child("nodePort"), wanted, taken, context);
            port["nodePort"] = wanted;
            byPort.TryAdd(number, wanted);
        }
    }

    private static long RequestedFor(JsonObject spec, long number)
    {
        foreach (var (_, port) in spec.Items("ports"))
            if (port.Long("port") == number && port.Long("nodePort") is not 0 and var wanted) return wanted;
        return 0;
    }

    private void AllocateHealthCheckPort(JsonObject spec, Taken taken, StrategyContext context)
    {
        var wanted = spec.Long("healthCheckNodePort");
        if (wanted == 0)
        {
            spec["healthCheckNodePort"] = Take(taken, context);
            return;
        }

        if (Refusal(wanted, taken, context) is { } why) throw StatusErrors.Internal($"failed to allocate requested HealthCheck NodePort {wanted}: {why}");
    }

    private long Take(Taken taken, StrategyContext context)
    {
        var port = ports.Take(context) ?? throw StatusErrors.Internal("failed to allocate a nodePort: range is full");
        taken.Ports.Add(port);
        return port;
    }

    private void TakeGiven(JsonObject service, FieldPath path, long wanted, Taken taken, StrategyContext context)
    {
        if (Refusal(wanted, taken, context) is { } why) throw Invalid(service, path, wanted, why);
    }

    private string? Refusal(long wanted, Taken taken, StrategyContext context)
    {
        if (!ports.IsInRange((int)wanted)) return $"provided port is not in the valid range. The range of valid ports is {ports.ValidRange}";
        if (!ports.TryTake((int)wanted, context)) return "provided port is already allocated";
        taken.Ports.Add((int)wanted);
        return null;
    }

    private static StatusException Invalid(JsonObject service, string field, JsonNode value, string why)
    {
        var errors = new FieldErrors();
        errors.Invalid(field, value, why);
        return StatusErrors.Invalid(Kind, service.ObjectName(), errors);
    }

    private sealed record Taken(List<string> Addresses, List<int> Ports);
}
