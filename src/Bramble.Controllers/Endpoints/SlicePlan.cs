using System.Text.Json.Nodes;

namespace Bramble.Controllers.Endpoints;

/// <summary>How a Service's endpoints are spread over slices with the fewest writes: each stays in the slice where it is; new ones go where something is written
/// anyway, then where they just fit, then into new slices. Pure.</summary>
internal static class SlicePlan
{
    public const int EndpointsMax = 100;

    /// <param name="existing">The Service's slices of this family.</param>
    /// <param name="newSlice">An empty slice with these ports.</param>
    /// <param name="labels">Of each slice that is written.</param>
    /// <param name="areLabelsOld">A slice has to be written for its labels.</param>
    public static SliceChanges Decide(
        string serviceUid, IReadOnlyList<SliceTree> existing, IEnumerable<(IReadOnlyList<ServedPort> Ports, JsonObject? Endpoint)> desired,
        Func<IReadOnlyList<ServedPort>, SliceTree> newSlice, JsonObject labels, Func<SliceTree, bool> areLabelsOld)
    {
        var changes = new SliceChanges([], [], [.. existing.Where(s => !s.IsOwnedBy(serviceUid))]);
        var byPorts = existing.Where(s => s.IsOwnedBy(serviceUid)).GroupBy(s => s.PortsKey).ToDictionary(g => g.Key, g => g.ToList());
        foreach (var group in desired.GroupBy(d => SliceTree.KeyOf(d.Ports)))
        {
            byPorts.Remove(group.Key, out var known);
            var endpoints = new OrderedSet();
            foreach (var (_, endpoint) in group)
                if (endpoint is not null) endpoints.Add(endpoint);
            changes.Add(OfPorts(known ?? [], endpoints, () => newSlice(group.First().Ports), labels, areLabelsOld));
        }
        foreach (var gone in byPorts.Values) changes.Delete.AddRange(gone);

        // A Service without Pods keeps one empty slice, so that "no endpoints" and "not looked at yet" differ.
        if (existing.Count != changes.Delete.Count || changes.Create.Count > 0) return changes;
        var placeholder = newSlice([]);
        if (changes.Delete is [{ Endpoints.Count: 0, Ports.Count: 0 } last] && last.IsOwnedBy(serviceUid) && JsonNode.DeepEquals(last.Labels, placeholder.Labels)) changes.Delete.Clear();
        else changes.Create.Add(placeholder);
        return changes;
    }

    private static SliceChanges OfPorts(List<SliceTree> existing, OrderedSet desired, Func<SliceTree> newSlice, JsonObject labels, Func<SliceTree, bool> areLabelsOld)
    {
        var changes = new SliceChanges();
        var unchanged = new List<SliceTree>();
        foreach (var slice in existing)
        {
            var before = slice.Endpoints;
            var kept = new List<JsonObject>();
            var isChanged = false;
            foreach (var endpoint in before)
            {
                if (desired.Take(SliceTree.KeyOf(endpoint)) is not { } wanted) continue;
                kept.Add(wanted);
                isChanged |= !SliceTree.IsSameState(wanted, endpoint);
            }
            isChanged |= kept.Count != before.Count;
            if (isChanged && kept.Count == 0)
            {
                changes.Delete.Add(slice);
            }
            else if (isChanged || areLabelsOld(slice))
            {
                var changed = slice.Copy();
                if (isChanged) changed.Endpoints = kept;
                changed.Metadata["labels"] = labels.DeepClone();
                changes.Update.Add(changed);
            }
            else
            {
                unchanged.Add(slice);
            }
        }
        foreach (var slice in changes.Update.OrderByDescending(s => s.Endpoints.Count)) Fill(slice);
        while (desired.Count > 0)
        {
            // The slice that is fullest with them, if all fit into one.
            var best = desired.Count < EndpointsMax ? unchanged.Where(s => s.Endpoints.Count + desired.Count <= EndpointsMax).MaxBy(s => s.Endpoints.Count) : null;
            if (best is not null)
            {
                unchanged.Remove(best);
                var changed = best.Copy();
                Fill(changed);
                changes.Update.Add(changed);
            }
            else
            {
                var made = newSlice();
                Fill(made);
                changes.Create.Add(made);
            }
        }
        return changes;

        void Fill(SliceTree slice)
        {
            var endpoints = slice.Endpoints;
            while (desired.Count > 0 && endpoints.Count < EndpointsMax) endpoints.Add(desired.TakeFirst());
            slice.Endpoints = endpoints;
        }
    }

    /// <summary>Endpoints by key, in the order in which they came.</summary>
    private sealed class OrderedSet
    {
        private readonly Dictionary<string, JsonObject> _byKey = new(StringComparer.Ordinal);
        private readonly LinkedList<string> _order = [];

        public int Count => _byKey.Count;

        public void Add(JsonObject endpoint)
        {
            var key = SliceTree.KeyOf(endpoint);
            if (!_byKey.ContainsKey(key)) _order.AddLast(key);
            _byKey[key] = endpoint;
        }

        public JsonObject? Take(string key) => _byKey.Remove(key, out var endpoint) ? endpoint : null;

        public JsonObject TakeFirst()
        {
            while (true)
            {
                var key = _order.First!.Value;
                _order.RemoveFirst();
                if (Take(key) is { } endpoint) return endpoint;
            }
        }
    }
}
