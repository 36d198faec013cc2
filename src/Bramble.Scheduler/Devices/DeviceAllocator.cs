using System.Text.Json.Nodes;
using Bramble.Api.Quantities;
using Bramble.Client;
using Bramble.Client.Placement;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Devices;

/// <summary>A DeviceClass: selectors that every request of the class has, and configuration for the driver.</summary>
internal sealed record DeviceClass(string Name, IReadOnlyList<string> Selectors, JsonArray Config)
{
    public static DeviceClass Of(JsonObject tree) => new(
        (string)tree["metadata"]!["name"]!, [.. (tree["spec"]?["selectors"] as JsonArray ?? []).Select(s => (string?)s?["cel"]?["expression"]).OfType<string>()], tree["spec"]?["config"] as JsonArray ?? []);
}

/// <summary>Which devices claims get on a node: a search with steps back, the first solution wins. KEP-4381 (structured parameters), KEP-4816 (alternatives),
/// KEP-4815 (devices that are parts of others share counters), KEP-5075 (devices that several use share capacity).</summary>
internal sealed class DeviceAllocator(IReadOnlyList<ResourceSlice> slices, IReadOnlyDictionary<string, DeviceClass> classes, DevicesInUse held, DeviceSelectors selectors)
{
    private const int DevicesMax = 32;          // of one claim
    private const int StepsMax = 100_000;       // a search that takes longer is given up: the node does not fit

    private IReadOnlyDictionary<string, DeviceClass> Classes => classes;
    private DevicesInUse Held => held;
    private readonly Dictionary<(string Driver, string Pool), Dictionary<string, Quantity>> _counters = [];
    private DeviceSelectors Selectors => selectors;

    /// <returns>One allocation a claim, or null: not all of them can be had on this node.</returns>
    public IReadOnlyList<JsonObject>? Allocate(NodeInfo node, IReadOnlyList<DeviceClaim> claims)
    {
        var search = new Search(this, [.. ReachableFrom(node.Node)], claims);
        return search.TryClaim(0) ? [.. claims.Select((claim, i) => search.Result(i, claim, node.Name))] : null;
    }

    /// <summary>Devices of the newest generation of each pool that is published whole, in the order of pools.</summary>
    private IEnumerable<Device> ReachableFrom(V1Node node)
    {
        foreach (var pool in slices.GroupBy(s => (s.Driver, s.Pool)).OrderBy(p => p.Key.Driver, StringComparer.Ordinal).ThenBy(p => p.Key.Pool, StringComparer.Ordinal))
        {
            var newest = pool.Max(s => s.Generation);
            var current = pool.Where(s => s.Generation == newest).ToList();
            // A pool that is being published is no basis for a decision.
            if (current.Count != current[0].SlicesOfPool) continue;
            foreach (var slice in current)
            {
                var isPerDevice = (bool?)slice.Spec["perDeviceNodeSelection"] == true;
                if (!isPerDevice && !Reaches(slice.Spec, node)) continue;
                foreach (var device in slice.Devices)
                    if (!isPerDevice || Reaches(device.Tree, node)) yield return device;
            }
        }
    }

    /// <summary>What is left of a pool's counters (<c>set/counter</c>) beside the devices in use, wherever they are.</summary>
    private Dictionary<string, Quantity> CountersOf(ResourceSlice slice)
    {
        if (_counters.TryGetValue((slice.Driver, slice.Pool), out var left)) return left;
        _counters[(slice.Driver, slice.Pool)] = left = new(StringComparer.Ordinal);
        var pool = slices.Where(s => s.Driver == slice.Driver && s.Pool == slice.Pool && s.Generation == slice.Generation).ToList();
        foreach (var set in pool.SelectMany(s => (s.Spec["sharedCounters"] as JsonArray ?? []).OfType<JsonObject>()))
            foreach (var (name, counter) in set["counters"] as JsonObject ?? []) left[$"{(string?)set["name"]}/{name}"] = DeviceCapacity.Amount(counter?["value"]) ?? default;
        foreach (var device in pool.SelectMany(s => s.Devices))
            if (held.HasWhole(device.Id) || held.HasShare(device.Id)) Consume(left, device);
        return left;
    }

    /// <returns>False: there are less than the device needs.</returns>
    private static bool Consume(Dictionary<string, Quantity> counters, Device device)
    {
        var isEnough = true;
        foreach (var set in (device.Tree["consumesCounters"] as JsonArray ?? []).OfType<JsonObject>())
            foreach (var (name, counter) in set["counters"] as JsonObject ?? [])
            {
                var key = $"{(string?)set["counterSet"]}/{name}";
                if (!counters.TryGetValue(key, out var left)) continue;
                counters[key] = left -= DeviceCapacity.Amount(counter?["value"]) ?? default;
                isEnough &= left.Sign >= 0;
            }
        return isEnough;
    }

    private static bool Reaches(JsonObject place, V1Node node)
    {
        if ((bool?)place["allNodes"] == true) return true;
        if ((string?)place["nodeName"] is { Length: > 0 } name) return name == node.Metadata.Name;
        return place["nodeSelector"] is JsonObject selector && NodeSelection.Matches(Model(selector), node);
    }

    internal static V1NodeSelector Model(JsonObject selector) => ModelJson.Read<V1NodeSelector>(System.Text.Encoding.UTF8.GetBytes(selector.ToJsonString()));

    private static bool IsTolerated(Device device, DeviceRequest request)
    {
        foreach (var taint in (device.Tree["taints"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if ((string?)taint["effect"] is not ("NoSchedule" or "NoExecute")) continue;
            if (!(request.Tolerations ?? []).OfType<JsonObject>().Any(t => Tolerations.Tolerates(t, taint))) return false;
        }
        return true;
    }

    private sealed class Search(DeviceAllocator allocator, Device[] reachable, IReadOnlyList<DeviceClaim> claims)
    {
        private readonly List<(DeviceRequest Request, Device Device)>[] _chosen = [.. claims.Select(_ => new List<(DeviceRequest, Device)>())];
        private readonly HashSet<DeviceId> _taken = [];
        private readonly Dictionary<(string Uid, string Request), Device[]> _fitting = [];
        private int _steps;

        public bool TryClaim(int claim) => claim == claims.Count || TryRequest(claim, 0);

        public JsonObject Result(int index, DeviceClaim claim, string node)
        {
            var results = new JsonArray([.. _chosen[index].Select(c => (JsonNode)ResultOf(c.Request, c.Device))]);
            var devices = new JsonObject { ["results"] = results };
            if (Configuration(index, claim) is { Count: > 0 } config) devices["config"] = config;
            var allocation = new JsonObject { ["devices"] = devices };
            if (NodeSelector([.. _chosen[index].Select(c => c.Device)], node) is { } selector) allocation["nodeSelector"] = selector;
            return allocation;
        }

        private bool TryRequest(int claim, int request)
        {
            if (request == claims[claim].Requests.Count) return _chosen[claim].Count <= DevicesMax && TryClaim(claim + 1);
            foreach (var alternative in claims[claim].Requests[request])
            {
                var fitting = Fitting(claim, alternative);
                if (alternative.WantsAll ? TryAll(claim, request, alternative, fitting) : TryCount(claim, request, alternative, fitting, 0, alternative.Count)) return true;
            }
            return false;
        }

        /// <summary>All devices of the node that match, of which none may be another's already.</summary>
        private bool TryAll(int claim, int request, DeviceRequest wanted, Device[] fitting)
        {
            var count = 0;
            foreach (var device in fitting)
            {
                if (!TryTake(claim, wanted, device)) break;
                count++;
            }
            if (count == fitting.Length && count > 0 && TryRequest(claim, request + 1)) return true;
            for (; count > 0; count--) GiveBack(claim);
            return false;
        }

        private bool TryCount(int claim, int request, DeviceRequest wanted, Device[] fitting, int from, int missing)
        {
            if (missing == 0) return TryRequest(claim, request + 1);
            for (var i = from; i <= fitting.Length - missing; i++)
            {
                if (++_steps > StepsMax) return false;
                if (!TryTake(claim, wanted, fitting[i])) continue;
                if (TryCount(claim, request, wanted, fitting, i + 1, missing - 1)) return true;
                GiveBack(claim);
            }
            return false;
        }

        private bool TryTake(int claim, DeviceRequest wanted, Device device)
        {
            // Administrators look at devices beside those who use them, but at each once.
            if (wanted.IsAdmin ? !device.IsShared && _chosen[claim].Exists(c => c.Device == device) : allocator.Held.HasWhole(device.Id) || _taken.Contains(device.Id)) return false;
            if (!HasCounters(device) || !HasCapacity(wanted, device)) return false;
            _chosen[claim].Add((wanted, device));
            if (!KeepsConstraints(claim))
            {
                _chosen[claim].RemoveAt(_chosen[claim].Count - 1);
                return false;
            }
            if (!wanted.IsAdmin && !device.IsShared) _taken.Add(device.Id);
            return true;
        }

        /// <summary>A part of a device is there when the parts that are taken leave enough of the whole.</summary>
        private bool HasCounters(Device device)
        {
            if (device.Tree["consumesCounters"] is not JsonArray { Count: > 0 }) return true;
            if (device.IsShared && allocator.Held.HasShare(device.Id)) return true;
            var left = new Dictionary<string, Quantity>(allocator.CountersOf(device.Slice), StringComparer.Ordinal);
            HashSet<DeviceId> counted = [];
            foreach (var chosen in _chosen)
                foreach (var (_, other) in chosen)
                {
                    if (other == device && device.IsShared) return true;
                    if ((other.Id.Driver, other.Id.Pool) == (device.Id.Driver, device.Id.Pool) && (!other.IsShared || (counted.Add(other.Id) && !allocator.Held.HasShare(other.Id)))) Consume(left, other);
                }
            return Consume(left, device);
        }

        private bool HasCapacity(DeviceRequest wanted, Device device)
        {
            if (DeviceCapacity.Consumption(device, wanted.Capacity) is not { } consumed) return false;
            foreach (var (name, amount) in consumed)
            {
                var total = amount + allocator.Held.Consumed(device.Id, name);
                if (device.IsShared)
                    foreach (var chosen in _chosen)
                        foreach (var (request, other) in chosen)
                            if (other == device && DeviceCapacity.Consumption(device, request.Capacity) is { } share) total += share[name];
                if (total > DeviceCapacity.Value(device, name)) return false;
            }
            return true;
        }

        private void GiveBack(int claim)
        {
            var (wanted, device) = _chosen[claim][^1];
            _chosen[claim].RemoveAt(_chosen[claim].Count - 1);
            if (!wanted.IsAdmin && !device.IsShared) _taken.Remove(device.Id);
        }

        private Device[] Fitting(int claim, DeviceRequest request)
        {
            var key = (claims[claim].Uid, request.Name);
            if (_fitting.TryGetValue(key, out var known)) return known;
            var whose = $"claim {claims[claim].Namespace}/{claims[claim].Name}";
            var ofClass = allocator.Classes.GetValueOrDefault(request.ClassName)?.Selectors ?? [];
            return _fitting[key] = [.. reachable.Where(d => allocator.Selectors.Matches(ofClass, d, $"class {request.ClassName}") && allocator.Selectors.Matches(request.Selectors, d, whose) && IsTolerated(d, request))];
        }

        /// <summary>matchAttribute: all devices of the named requests have the same value; distinctAttribute: no two have.</summary>
        private bool KeepsConstraints(int claim)
        {
            foreach (var constraint in claims[claim].Constraints)
            {
                var requests = (constraint["requests"] as JsonArray ?? []).Select(r => (string)r!).ToList();
                var devices = _chosen[claim].Where(c => requests.Count == 0 || requests.Contains(c.Request.Name) || requests.Contains(c.Request.Name.Split('/')[0])).Select(c => c.Device).ToList();
                if ((string?)constraint["matchAttribute"] is { } same)
                {
                    var first = devices.FirstOrDefault()?.Attribute(same);
                    if (devices.Any(d => d.Attribute(same) is not { } value || !JsonNode.DeepEquals(value, first))) return false;
                }
                if ((string?)constraint["distinctAttribute"] is { } distinct
                    && devices.Select(d => d.Attribute(distinct)?.ToJsonString()).ToList() is var values && (values.Contains(null) || values.Distinct(StringComparer.Ordinal).Count() != values.Count)) return false;
            }
            return true;
        }

        private static JsonObject ResultOf(DeviceRequest request, Device device)
        {
            var result = new JsonObject { ["request"] = request.Name, ["driver"] = device.Id.Driver, ["pool"] = device.Id.Pool, ["device"] = device.Id.Name };
            if (request.IsAdmin) result["adminAccess"] = true;
            if (request.Tolerations is { Count: > 0 } tolerations) result["tolerations"] = tolerations.DeepClone();
            if (!device.IsShared) return result;
            result["shareID"] = Guid.NewGuid().ToString();
            var consumed = new JsonObject();
            foreach (var (name, amount) in DeviceCapacity.Consumption(device, request.Capacity) ?? []) consumed[name] = amount.ToString();
            if (consumed.Count > 0) result["consumedCapacity"] = consumed;
            return result;
        }

        /// <summary>The configuration of each class for the requests that use it, then the claim's own of the requests that were chosen.</summary>
        private JsonArray Configuration(int index, DeviceClaim claim)
        {
            var config = new JsonArray();
            var requests = _chosen[index].Select(c => c.Request).DistinctBy(r => r.Name).ToList();
            foreach (var ofClass in requests.GroupBy(r => r.ClassName, StringComparer.Ordinal))
                foreach (var entry in allocator.Classes.GetValueOrDefault(ofClass.Key)?.Config.OfType<JsonObject>() ?? [])
                    config.Add((JsonNode)With(entry, "FromClass", new JsonArray([.. ofClass.Select(r => (JsonNode)r.Name)])));
            foreach (var entry in (claim.Tree["spec"]?["devices"]?["config"] as JsonArray ?? []).OfType<JsonObject>())
            {
                var about = (entry["requests"] as JsonArray ?? []).Select(r => (string)r!).ToList();
                if (about.Count == 0) config.Add((JsonNode)With(entry, "FromClaim", null));
                // Once for each request it is about, as upstream does.
                foreach (var request in requests)
                    if (about.Contains(request.Name) || about.Contains(request.Name.Split('/')[0])) config.Add((JsonNode)With(entry, "FromClaim", entry["requests"]?.DeepClone()));
            }
            return config;
        }

        private static JsonObject With(JsonObject entry, string source, JsonNode? requests)
        {
            var copy = new JsonObject { ["source"] = source };
            if (requests is not null) copy["requests"] = requests;
            if (entry["opaque"] is { } opaque) copy["opaque"] = opaque.DeepClone();
            return copy;
        }

        /// <summary>Where the claim can be used: on the one node that has a local device, or wherever all devices are reached from; null: everywhere.</summary>
        private static JsonObject? NodeSelector(IReadOnlyList<Device> devices, string node)
        {
            JsonArray expressions = [], fields = [];
            foreach (var device in devices)
            {
                var place = (bool?)device.Slice.Spec["perDeviceNodeSelection"] == true ? device.Tree : device.Slice.Spec;
                if ((string?)place["nodeName"] is { Length: > 0 })
                    return Term([], new JsonArray((JsonNode)new JsonObject { ["key"] = "metadata.name", ["operator"] = "In", ["values"] = new JsonArray(node) }));
                var term = (place["nodeSelector"]?["nodeSelectorTerms"] as JsonArray)?.FirstOrDefault();
                AddNew(expressions, term?["matchExpressions"] as JsonArray);
                AddNew(fields, term?["matchFields"] as JsonArray);
            }
            return expressions.Count + fields.Count == 0 ? null : Term(expressions, fields);
        }

        private static JsonObject Term(JsonArray expressions, JsonArray fields)
        {
            var term = new JsonObject();
            if (expressions.Count > 0) term["matchExpressions"] = expressions;
            if (fields.Count > 0) term["matchFields"] = fields;
            return new JsonObject { ["nodeSelectorTerms"] = new JsonArray((JsonNode)term) };
        }

        private static void AddNew(JsonArray to, JsonArray? from)
        {
            foreach (var requirement in from ?? [])
                if (!to.Any(known => JsonNode.DeepEquals(known, requirement))) to.Add(requirement!.DeepClone());
        }
    }
}
