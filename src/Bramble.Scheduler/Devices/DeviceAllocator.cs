using System.Text.Json.Nodes;
using Bramble.Api.Quantities;
using Bramble.Client;
using Bramble.Client.Placement;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Devices;

/// <summary>Which devices claims get on a node: a search with steps back, the first solution wins. KEP-4381 (structured parameters), KEP-4816 (alternatives),
/// KEP-4815 (devices that are parts of others share counters), KEP-5075 (devices that several use share capacity), KEP-5007 (devices that are attached later come last).</summary>
internal sealed class DeviceAllocator
{
    private const int DevicesMax = 32;          // of one claim

    /// <summary>About a second, in which the informers' handlers wait: no claim that can be met needs so many.</summary>
    private const int StepsMax = 5_000_000;
    private const string FilterError = "running \"DynamicResources\" filter plugin: ";

    private readonly DevicePools _pools;
    private readonly IReadOnlyDictionary<string, DeviceClass> _classes;
    private readonly DevicesInUse _held;
    private readonly DeviceSelectors _selectors;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, Dictionary<string, Quantity>> _counters = new(StringComparer.Ordinal);

    public DeviceAllocator(DevicePools pools, IReadOnlyDictionary<string, DeviceClass> classes, DevicesInUse held, DeviceSelectors selectors, TimeProvider time) =>
        (_pools, _classes, _held, _selectors, _time) = (pools, classes, held, selectors, time);

    /// <param name="patience">For how long a solution is looked for; zero: for as long as it takes.</param>
    /// <param name="refusal">Why not all of them can be had on this node.</param>
    /// <returns>One allocation a claim, or null.</returns>
    /// <exception cref="SchedulingException">A claim or a class is wrong, a pool is not to be relied on, or the search took too long.</exception>
    public IReadOnlyList<JsonObject>? Allocate(NodeInfo node, IReadOnlyList<DeviceClaim> claims, TimeSpan patience, out string refusal)
    {
        var pools = _pools.On(node.Node);
        var search = new Search(this, node.Name, pools, claims, patience);
        refusal = "";
        if (search.Run()) return [.. claims.Select((claim, i) => search.Result(i, claim))];
        refusal = pools.Any(p => p.IsInvalid) ? "invalid resource pools were encountered" : "cannot allocate all claims";
        return null;
    }

    /// <summary>How many devices of a class the node reaches, and how many of those are in use.</summary>
    public (long All, long Used) Count(DeviceClass ofClass, V1Node node)
    {
        long all = 0, used = 0;
        foreach (var device in _pools.Near(node.Metadata.Name).SelectMany(p => p).SelectMany(s => s.Devices))
        {
            if (!DevicePool.Reaches(device.Place, node) || !_selectors.Matches(ofClass.Selectors, device, $"class {ofClass.Name}")) continue;
            all++;
            if (_held.Has(device.Id)) used++;
        }
        return (all, used);
    }

    private Dictionary<string, Quantity> CountersOf(DevicePool pool) =>
        _counters.TryGetValue(pool.Id, out var left) ? left : _counters[pool.Id] = pool.CountersBeside(_held);

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

    private sealed class Search(DeviceAllocator allocator, string node, List<DevicePool> pools, IReadOnlyList<DeviceClaim> claims, TimeSpan patience)
    {
        private readonly List<(DeviceRequest Request, Device Device)>[] _chosen = [.. claims.Select(_ => new List<(DeviceRequest, Device)>())];
        private readonly Device[] _reachable = [.. pools.SelectMany(p => p.Devices)];
        private readonly Dictionary<DeviceRequest, Answer[]> _answers = [];     // of selectors, by device
        private readonly Dictionary<DeviceRequest, Device[]> _all = [];         // of those that want all
        private readonly Dictionary<ResourceSlice, DevicePool> _poolOf = PoolOf(pools);
        private readonly long _start = allocator._time.GetTimestamp();
        private int _steps;

        private enum Answer : byte { NotAsked, Yes, No }

        public bool Run()
        {
            for (var i = 0; i < claims.Count; i++)
            {
                foreach (var request in claims[i].Requests.SelectMany(r => r))
                {
                    if (!allocator._classes.ContainsKey(request.ClassName))
                        throw Wrong($"{Whose(i)}, request {request.OwnName}: could not retrieve device class {request.ClassName}: deviceclass.resource.k8s.io \"{request.ClassName}\" not found");
                    if (request.WantsAll) _all[request] = AllOf(i, request);
                }
                if (Least(i, 0) is var least and > DevicesMax) throw Wrong($"{Whose(i)}: number of requested devices {least} exceeds the claim limit of {DevicesMax}");
            }
            return TryClaim(0);
        }

        public JsonObject Result(int index, DeviceClaim claim)
        {
            var results = new JsonArray([.. _chosen[index].Select(c => (JsonNode)ResultOf(c.Request, c.Device))]);
            var devices = new JsonObject { ["results"] = results };
            if (Configuration(index, claim) is { Count: > 0 } config) devices["config"] = config;
            var allocation = new JsonObject { ["devices"] = devices };
            if (NodeSelector([.. _chosen[index].Select(c => c.Device)], node) is { } selector) allocation["nodeSelector"] = selector;
            return allocation;
        }

        private bool TryClaim(int claim) => claim == claims.Count || TryRequest(claim, 0);

        private bool TryRequest(int claim, int request)
        {
            if (request == claims[claim].Requests.Count) return TryClaim(claim + 1);
            foreach (var alternative in claims[claim].Requests[request])
            {
                // With what the rest needs at least it would be too many in any case.
                if (Least(claim, request + 1) + CountOf(alternative) + _chosen[claim].Count > DevicesMax) continue;
                if (alternative.WantsAll ? TryAll(claim, request, alternative) : TryCount(claim, request, alternative, 0, (int)alternative.Count)) return true;
            }
            return false;
        }

        /// <summary>All devices of the node that match, of which none may be another's already.</summary>
        private bool TryAll(int claim, int request, DeviceRequest wanted)
        {
            var (all, count) = (_all[wanted], 0);
            foreach (var device in all)
            {
                if (!TryTake(claim, wanted, device)) break;
                count++;
            }
            if (count == all.Length && count > 0 && TryRequest(claim, request + 1)) return true;
            for (; count > 0; count--) GiveBack(claim);
            return false;
        }

        private bool TryCount(int claim, int request, DeviceRequest wanted, int from, int missing)
        {
            if (missing == 0) return TryRequest(claim, request + 1);
            for (var i = from; i < _reachable.Length; i++)
            {
                CheckTime();
                // A selector that fails on a device is no error as long as the device is not up for choice.
                if (IsInUse(claim, wanted, _reachable[i]) || !IsSelected(claim, wanted, i) || !TryTake(claim, wanted, _reachable[i])) continue;
                if (TryCount(claim, request, wanted, i + 1, missing - 1)) return true;
                GiveBack(claim);
            }
            return false;
        }

        private bool TryTake(int claim, DeviceRequest wanted, Device device)
        {
            if (IsInUse(claim, wanted, device) || !HasCounters(device) || !HasCapacity(wanted, device) || !IsTolerated(device, wanted)) return false;
            _chosen[claim].Add((wanted, device));
            if (KeepsConstraints(claim)) return true;
            GiveBack(claim);
            // A claim that wants all of the devices and none of their differences cannot be met by waiting.
            if (wanted.WantsAll) throw Wrong($"{Whose(claim)}, request {wanted.OwnName}: cannot add device {device.Id.Driver}/{device.Id.Pool}/{device.Id.Name} because a claim constraint would not be satisfied");
            return false;
        }

        /// <summary>Administrators look at devices beside those who use them, but at each once.</summary>
        private bool IsInUse(int claim, DeviceRequest wanted, Device device) =>
            wanted.IsAdmin ? IsTaken(_chosen[claim], device) : allocator._held.HasWhole(device.Id) || Array.Exists(_chosen, c => IsTaken(c, device));

        /// <summary>A shared device is never all one's own.</summary>
        private static bool IsTaken(List<(DeviceRequest Request, Device Device)> chosen, Device device) => !device.IsShared && chosen.Exists(c => c.Device == device);

        private void GiveBack(int claim) => _chosen[claim].RemoveAt(_chosen[claim].Count - 1);

        /// <summary>So many devices a request takes when it is met.</summary>
        private long CountOf(DeviceRequest request) => request.WantsAll ? _all[request].Length : request.Count;

        /// <summary>So many devices the requests of a claim from one on take at least. The API allows each as many as 64 bits hold.</summary>
        private decimal Least(int claim, int from) => claims[claim].Requests.Skip(from).Sum(r => r.Count == 0 ? 0 : (decimal)r.Min(CountOf));

        /// <exception cref="SchedulingException">Not all of what there is may be known.</exception>
        private Device[] AllOf(int claim, DeviceRequest wanted)
        {
            foreach (var pool in pools)
                if (pool.IsIncomplete || pool.IsInvalid)
                    throw Wrong($"{Whose(claim)}, request {wanted.OwnName}: asks for all devices, but resource pool {pool.Id} is currently {(pool.IsIncomplete ? "being updated" : "invalid")}");
            return [.. _reachable.Where((d, i) => IsSelected(claim, wanted, i) && HasCapacity(wanted, d))];
        }

        /// <summary>A part of a device is there when the parts that are taken leave enough of the whole.</summary>
        private bool HasCounters(Device device)
        {
            if (device.Tree["consumesCounters"] is not JsonArray { Count: > 0 }) return true;
            if (device.IsShared && allocator._held.HasShare(device.Id)) return true;
            var pool = _poolOf[device.Slice];
            var left = new Dictionary<string, Quantity>(allocator.CountersOf(pool), StringComparer.Ordinal);
            HashSet<DeviceId> counted = [];
            foreach (var chosen in _chosen)
                foreach (var (_, other) in chosen)
                {
                    if (other == device && device.IsShared) return true;
                    if (_poolOf[other.Slice] == pool && (!other.IsShared || (counted.Add(other.Id) && !allocator._held.HasShare(other.Id)))) DevicePool.Consume(left, other);
                }
            return DevicePool.Consume(left, device);
        }

        private bool HasCapacity(DeviceRequest wanted, Device device)
        {
            if (wanted.Capacity is null && device.Tree["capacity"] is null) return true;
            if (DeviceCapacity.Consumption(device, wanted.Capacity) is not { } consumed) return false;
            foreach (var (name, amount) in consumed)
            {
                var total = amount + allocator._held.Consumed(device.Id, name);
                if (device.IsShared)
                    foreach (var chosen in _chosen)
                        foreach (var (request, other) in chosen)
                            if (other == device && DeviceCapacity.Consumption(device, request.Capacity) is { } share) total += share[name];
                if (total > DeviceCapacity.Value(device, name)) return false;
            }
            return true;
        }

        private bool IsSelected(int claim, DeviceRequest request, int device)
        {
            if (!_answers.TryGetValue(request, out var answers)) _answers.Add(request, answers = new Answer[_reachable.Length]);
            if (answers[device] == Answer.NotAsked)
            {
                var matches = allocator._selectors.Matches(allocator._classes[request.ClassName].Selectors, _reachable[device], $"class {request.ClassName}") && allocator._selectors.Matches(request.Selectors, _reachable[device], Whose(claim));
                answers[device] = matches ? Answer.Yes : Answer.No;
            }
            return answers[device] == Answer.Yes;
        }

        private string Whose(int claim) => $"claim {claims[claim].Namespace}/{claims[claim].Name}";

        private static SchedulingException Wrong(string why) => new(FilterError + why);

        private void CheckTime()
        {
            if ((++_steps & 0xff) != 0) return;
            if (_steps > StepsMax || (patience > TimeSpan.Zero && allocator._time.GetElapsedTime(_start) > patience)) throw Wrong($"node {node}: timed out trying to allocate devices");
        }

        private static Dictionary<ResourceSlice, DevicePool> PoolOf(List<DevicePool> pools)
        {
            var map = new Dictionary<ResourceSlice, DevicePool>();
            foreach (var pool in pools)
                foreach (var slice in pool.Slices) map[slice] = pool;
            return map;
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
            foreach (var field in (string[])["bindingConditions", "bindingFailureConditions"])
                if (device.Tree[field] is JsonArray { Count: > 0 } conditions) result[field] = conditions.DeepClone();
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
                foreach (var entry in allocator._classes.GetValueOrDefault(ofClass.Key)?.Config.OfType<JsonObject>() ?? [])
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

        /// <summary>Where the claim can be used: on the one node that has a local device or that a device binds to, or wherever all devices are reached from; null: everywhere.</summary>
        private static JsonObject? NodeSelector(IReadOnlyList<Device> devices, string node)
        {
            JsonArray expressions = [], fields = [];
            foreach (var device in devices)
            {
                var place = device.Place;
                if ((string?)place["nodeName"] is { Length: > 0 } || (bool?)device.Tree["bindsToNode"] == true)
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
                if (!to.Any(known => IsSame(known, requirement))) to.Add(requirement!.DeepClone());
        }

        private static bool IsSame(JsonNode? a, JsonNode? b)
        {
            if ((string?)a?["key"] != (string?)b?["key"] || (string?)a?["operator"] != (string?)b?["operator"]) return false;
            return Values(a).SetEquals(Values(b));

            static HashSet<string> Values(JsonNode? requirement) => (requirement?["values"] as JsonArray ?? []).Select(v => (string)v!).ToHashSet(StringComparer.Ordinal);
        }
    }
}
