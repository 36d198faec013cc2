using System.Text.Json.Nodes;
using Bramble.Api.Quantities;

namespace Bramble.ApiServer.Strategies;

/// <summary>What a pod asks for in all: the containers' sum or, where larger, what its init containers need one after the other beside the sidecars started before them
/// (KEP-753).</summary>
internal static class PodResources
{
    public static Dictionary<string, Quantity> Read(JsonObject? resources, string field)
    {
        Dictionary<string, Quantity> read = new(StringComparer.Ordinal);
        var amounts = resources.Object(field);
        foreach (var (name, _) in amounts ?? [])
            if (ResourceRules.Amount(amounts, name) is { } quantity) read[name] = quantity;
        return read;
    }

    /// <param name="field"><c>requests</c> or <c>limits</c>.</param>
    /// <param name="status">While a resize is on its way the most of what is wanted, allocated and in force counts (KEP-1287); null: only what is wanted.</param>
    public static Dictionary<string, Quantity> OfContainers(JsonObject? spec, string field, JsonObject? status = null)
    {
        Dictionary<string, Quantity> sum = new(StringComparer.Ordinal), sidecars = new(StringComparer.Ordinal), init = new(StringComparer.Ordinal);
        foreach (var (_, container) in spec.Items("containers")) Add(sum, Own(container, field, status));
        foreach (var (_, container) in spec.Items("initContainers"))
        {
            var isSidecar = container.Text("restartPolicy") == "Always";
            var own = Own(container, field, isSidecar ? status : null);
            if (isSidecar)
            {
                Add(sum, own);
                Add(sidecars, own);
                own = new(sidecars, StringComparer.Ordinal);
            }
            else
            {
                Add(own, sidecars);
            }
            Raise(init, own);
        }
        Raise(sum, init);
        return sum;
    }

    /// <param name="field"><c>requests</c> or <c>limits</c>.</param>
    /// <param name="status">As for <see cref="OfContainers"/>.</param>
    public static Dictionary<string, Quantity> OfPod(JsonObject? spec, string field, bool withOverhead = false, JsonObject? status = null)
    {
        var sum = OfContainers(spec, field, status);
        // What is said for the whole pod wins (KEP-2837).
        foreach (var (name, quantity) in Read(spec.Object("resources"), field))
            if (IsForPods(name)) sum[name] = quantity;
        if (withOverhead)
            foreach (var (name, quantity) in Read(spec, "overhead"))
                if (field == "requests" || sum.GetValueOrDefault(name).Sign > 0) Add(sum, new(StringComparer.Ordinal) { [name] = quantity });
        return sum;
    }

    private static Dictionary<string, Quantity> Own(JsonObject container, string field, JsonObject? status)
    {
        var wanted = Read(container.Object("resources"), field);
        foreach (var list in (ReadOnlySpan<string>)["containerStatuses", "initContainerStatuses"])
            foreach (var (_, told) in status.Items(list))
            {
                if (told.Text("name") != container.Text("name") || told.Object("resources") is not { } inForce) continue;
                if (IsInfeasible(status)) wanted.Clear();
                Raise(wanted, Read(inForce, field));
                if (field == "requests") Raise(wanted, Read(told, "allocatedResources"));
            }
        return wanted;
    }

    /// <summary>The node can never give what is wanted.</summary>
    private static bool IsInfeasible(JsonObject? status)
    {
        foreach (var (_, condition) in status.Items("conditions"))
            if (condition.Text("type") == "PodResizePending") return condition.Text("reason") == "Infeasible";
        return false;
    }

    /// <summary>What is said for the whole pod makes that of its containers free (KEP-2837).</summary>
    public static bool IsSaidForPod(JsonObject? spec)
    {
        foreach (var field in (ReadOnlySpan<string>)["requests", "limits"])
            if (Read(spec.Object("resources"), field).Keys.Any(IsForPods)) return true;
        return false;
    }

    private static bool IsForPods(string name) => name is "cpu" or "memory" || name.StartsWith("hugepages-", StringComparison.Ordinal);

    public static void Add(Dictionary<string, Quantity> sum, Dictionary<string, Quantity> more)
    {
        foreach (var (name, quantity) in more) sum[name] = sum.TryGetValue(name, out var known) ? known + quantity : quantity;
    }

    private static void Raise(Dictionary<string, Quantity> most, Dictionary<string, Quantity> others)
    {
        foreach (var (name, quantity) in others)
            if (!most.TryGetValue(name, out var known) || quantity > known) most[name] = quantity;
    }
}
