using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>A namespace's LimitRanges: defaults for containers that ask for nothing, and bounds for containers, pods and claims.</summary>
internal sealed class LimitRanger : IAdmissionPlugin
{
    private static readonly GroupResource LimitRanges = new("", "limitranges");

    public string Name => "LimitRanger";

    public bool Handles(AdmissionRequest request)
    {
        if (request.Object is null || request.OldObject.Object("metadata").Has("deletionTimestamp")) return false;
        if (request.Operation == AdmissionOperation.Update) return request.Is("", "pods", "resize") || request.Is("", "persistentvolumeclaims");
        return request.Operation == AdmissionOperation.Create && (request.Is("", "pods") || request.Is("", "persistentvolumeclaims"));
    }

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        if (request.Resource.Resource != "pods") return default;
        foreach (var limits in LimitsOf(request)) SetDefaults(request.Object!, limits);
        return default;
    }

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        foreach (var limits in LimitsOf(request))
        {
            var errors = new List<string>();
            foreach (var limit in limits)
            {
                if (request.Resource.Resource == "pods") CheckPod(request.Object!.Object("spec"), limit, errors);
                else if (limit.Text("type") == "PersistentVolumeClaim") CheckClaim(request.Object!.Object("spec").Object("resources"), limit, errors);
            }
            var texts = errors.Distinct().ToList();
            if (texts.Count > 0) throw request.Forbidden(texts.Count == 1 ? texts[0] : $"[{string.Join(", ", texts)}]");
        }
        return default;
    }

    private static IEnumerable<List<JsonObject>> LimitsOf(AdmissionRequest request) =>
        request.Reader.List(LimitRanges, request.Namespace).Select(range => range.ToTree().Object("spec").Array("limits")?.OfType<JsonObject>().ToList() ?? []);

    private static void SetDefaults(JsonObject pod, List<JsonObject> limits)
    {
        SortedDictionary<string, string> requests = new(StringComparer.Ordinal), maxima = new(StringComparer.Ordinal);
        foreach (var limit in limits.Where(limit => limit.Text("type") == "Container"))
        {
            foreach (var (name, value) in limit.TextMap("defaultRequest")) requests[name] = value;
            foreach (var (name, value) in limit.TextMap("default")) maxima[name] = value;
        }
        List<string> changes = [];
        foreach (var (list, title) in (ReadOnlySpan<(string, string)>)[("containers", "container"), ("initContainers", "init container")])
            foreach (var (_, container) in pod.Object("spec").Items(list))
            {
                Merge(container, "requests", requests, $"request for {title} {container.Text("name")}", changes);
                Merge(container, "limits", maxima, $"limit for {title} {container.Text("name")}", changes);
            }
        if (changes.Count > 0) pod.Child("metadata").Child("annotations")["kubernetes.io/limit-ranger"] = $"LimitRanger plugin set: {string.Join("; ", changes)}";
    }

    private static void Merge(JsonObject container, string field, SortedDictionary<string, string> defaults, string what, List<string> changes)
    {
        var resources = container.Child("resources");
        List<string> set = [];
        foreach (var (name, value) in defaults)
        {
            if (resources.Object(field).Has(name)) continue;
            resources.Child(field)[name] = value;
            set.Add(name);
        }
        if (set.Count > 0) changes.Add($"{string.Join(", ", set)} {what}");
    }

    private static void CheckPod(JsonObject? spec, JsonObject limit, List<string> errors)
    {
        if (limit.Text("type") == "Container")
        {
            foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
                foreach (var (_, container) in spec.Items(list))
                    Check("Container", limit, PodResources.Read(container.Object("resources"), "requests"), PodResources.Read(container.Object("resources"), "limits"), errors);
        }
        else if (limit.Text("type") == "Pod")
        {
            Check("Pod", limit, PodResources.OfPod(spec, "requests"), PodResources.OfPod(spec, "limits"), errors);
        }
    }

    private static void CheckClaim(JsonObject? resources, JsonObject limit, List<string> errors)
    {
        var requests = PodResources.Read(resources, "requests");
        foreach (var (name, text) in limit.TextMap("min")) AddMin("PersistentVolumeClaim", name, Quantity.Parse(text), requests, [], errors);
        foreach (var (name, text) in limit.TextMap("max"))
        {
            var max = Quantity.Parse(text);
            if (!requests.TryGetValue(name, out var request)) errors.Add($"maximum {name} usage per PersistentVolumeClaim is {max}.  No request is specified");
            else if (request > max) errors.Add($"maximum {name} usage per PersistentVolumeClaim is {max}, but request is {request}");
        }
    }

    private static void Check(string type, JsonObject limit, Dictionary<string, Quantity> requests, Dictionary<string, Quantity> limits, List<string> errors)
    {
        foreach (var (name, text) in limit.TextMap("min")) AddMin(type, name, Quantity.Parse(text), requests, limits, errors);
        foreach (var (name, text) in limit.TextMap("max"))
        {
            var max = Quantity.Parse(text);
            if (!limits.TryGetValue(name, out var most)) errors.Add($"maximum {name} usage per {type} is {max}.  No limit is specified");
            else if (most > max) errors.Add($"maximum {name} usage per {type} is {max}, but limit is {most}");
            else if (requests.TryGetValue(name, out var request) && request > max) errors.Add($"maximum {name} usage per {type} is {max}, but request is {request}");
        }
        foreach (var (name, text) in limit.TextMap("maxLimitRequestRatio")) AddRatio(type, name, Quantity.Parse(text), requests, limits, errors);
    }

    private static void AddMin(string type, string name, Quantity min, Dictionary<string, Quantity> requests, Dictionary<string, Quantity> limits, List<string> errors)
    {
        if (!requests.TryGetValue(name, out var request)) errors.Add($"minimum {name} usage per {type} is {min}.  No request is specified");
        else if (request < min) errors.Add($"minimum {name} usage per {type} is {min}, but request is {request}");
        else if (limits.TryGetValue(name, out var most) && most < min) errors.Add($"minimum {name} usage per {type} is {min}, but limit is {most}");
    }

    private static void AddRatio(string type, string name, Quantity max, Dictionary<string, Quantity> requests, Dictionary<string, Quantity> limits, List<string> errors)
    {
        if (!requests.TryGetValue(name, out var request) || request.IsZero) errors.Add($"{name} max limit to request ratio per {type} is {max}, but no request is specified or request is 0");
        else if (!limits.TryGetValue(name, out var most) || most.IsZero) errors.Add($"{name} max limit to request ratio per {type} is {max}, but no limit is specified or limit is 0");
        else if (most.ToDouble() / request.ToDouble() is var ratio && ratio > max.ToDouble())
            errors.Add($"{name} max limit to request ratio per {type} is {max}, but provided ratio is {ratio.ToString("F6", CultureInfo.InvariantCulture)}");
    }
}
