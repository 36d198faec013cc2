using System.Text.Json.Nodes;
using Bramble.Api.Quantities;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>What a pod asks for in all: the containers' sum or, where larger, what its init containers need one after the other beside the sidecars started before them.</summary>
internal static class PodResources
{
    public static Dictionary<string, Quantity> Read(JsonObject? resources, string field)
    {
        Dictionary<string, Quantity> read = new(StringComparer.Ordinal);
        foreach (var (name, text) in resources.TextMap(field))
            if (Quantity.TryParse(text, out var quantity, out _)) read[name] = quantity;
        return read;
    }

    /// <param name="field"><c>requests</c> or <c>limits</c>.</param>
    public static Dictionary<string, Quantity> OfPod(JsonObject? spec, string field, bool withOverhead = false)
    {
        Dictionary<string, Quantity> sum = new(StringComparer.Ordinal), sidecars = new(StringComparer.Ordinal), init = new(StringComparer.Ordinal);
        foreach (var (_, container) in spec.Items("containers")) Add(sum, Read(container.Object("resources"), field));
        foreach (var (_, container) in spec.Items("initContainers"))
        {
            var own = Read(container.Object("resources"), field);
            if (container.Text("restartPolicy") == "Always")
            {
                Add(sum, own);
                Add(sidecars, own);
                own = new(sidecars, StringComparer.Ordinal);
            }
            else
            {
                Add(own, sidecars);
            }
            foreach (var (name, quantity) in own)
                if (!init.TryGetValue(name, out var most) || quantity > most) init[name] = quantity;
        }
        foreach (var (name, quantity) in init)
            if (!sum.TryGetValue(name, out var known) || quantity > known) sum[name] = quantity;
        // What is said for the whole pod wins (KEP-2837).
        foreach (var (name, quantity) in Read(spec.Object("resources"), field))
            if (IsForPods(name)) sum[name] = quantity;
        if (withOverhead)
            foreach (var (name, quantity) in Read(spec, "overhead"))
                if (field == "requests" || sum.ContainsKey(name)) Add(sum, new(StringComparer.Ordinal) { [name] = quantity });
        return sum;
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
}
