using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Quota;

/// <summary>A namespace's ResourceQuotas: nothing is created, and nothing grows, beyond them. What is used is counted from the caches at that moment, which hold
/// every write of this server; the quota's status is the controller's to write.</summary>
internal sealed class ResourceQuotaAdmission : IAdmissionPlugin
{
    private static readonly GroupResource Quotas = new("", "resourcequotas");
    private static readonly GroupResource Pods = new("", "pods");

    /// <summary>A quota on these obliges every container to say what it wants.</summary>
    private static readonly string[] MustBeSaid = ["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];

    /// <summary>No quota limits these.</summary>
    private static readonly HashSet<GroupResource> Uncounted = [new("", "namespaces"), new("", "bindings"), new("", "events"), new("events.k8s.io", "events"), new("authorization.k8s.io", "localsubjectaccessreviews")];

    public string Name => "ResourceQuota";

    public bool Handles(AdmissionRequest request)
    {
        if (request.Object is null || request.Namespace.Length == 0 || Uncounted.Contains(request.Resource)) return false;
        if (request.Operation == AdmissionOperation.Create) return request.Subresource.Length == 0;
        if (request.Operation != AdmissionOperation.Update) return false;
        // A pod that gets a deadline, or loses it, falls under other quotas.
        if (request.Is("", "pods")) return QuotaScopes.IsTerminating(request.Object) != QuotaScopes.IsTerminating(request.OldObject);
        return request.Is("", "services") || request.Is("", "persistentvolumeclaims") || request.Is("", "pods", "resize") || request.Is("resource.k8s.io", "resourceclaims");
    }

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var quotas = request.Reader.List(Quotas, request.Namespace);
        if (quotas.Count == 0) return default;
        var wanted = QuotaUsage.Of(request.Resource, request.Object!);
        var trees = quotas.OrderBy(q => q.Name.Name, StringComparer.Ordinal).Select(quota => quota.ToTree())
            .Where(quota => QuotaScopes.Match(quota.Object("spec"), request.Resource, request.Object!)).ToList();
        // What must be said is asked by all quotas before the first one counts.
        if (request.Resource == Pods)
            foreach (var quota in trees)
                if (Unsaid(request.Object!, PodResources.Read(quota.Object("spec"), "hard")) is { } unsaid) throw request.Forbidden($"failed quota: {quota.ObjectName()}: {unsaid}");
        foreach (var quota in trees) Check(request, quota, wanted);
        return default;
    }

    private static void Check(AdmissionRequest request, JsonObject quota, Dictionary<string, Quantity> wanted)
    {
        var spec = quota.Object("spec");
        var hasScopes = QuotaScopes.Has(spec);
        var hard = PodResources.Read(spec, "hard");
        // What the object used before counts where the quota was about it before.
        var before = request.Operation == AdmissionOperation.Update && request.OldObject is { } old && QuotaScopes.Match(spec, request.Resource, old) ? QuotaUsage.Of(request.Resource, old) : [];
        SortedDictionary<string, Quantity> asked = new(StringComparer.Ordinal);
        foreach (var (name, quantity) in wanted)
        {
            var more = before.TryGetValue(name, out var had) ? quantity - had : quantity;
            if (hard.ContainsKey(name) && more.Sign > 0) asked[name] = more;
        }
        if (asked.Count == 0) return;
        var used = Used(request, spec, hasScopes, asked.Keys);
        var exceeded = asked.Where(a => (used.TryGetValue(a.Key, out var u) ? u + a.Value : a.Value) > hard[a.Key]).Select(a => a.Key).ToList();
        if (exceeded.Count == 0) return;
        string Show(Func<string, Quantity> of) => string.Join(',', exceeded.Select(name => $"{name}={of(name)}"));
        throw request.Forbidden(
            $"exceeded quota: {quota.ObjectName()}, requested: {Show(name => asked[name])}, used: {Show(name => used.GetValueOrDefault(name, Quantity.FromUnits(0)))}, limited: {Show(name => hard[name])}");
    }

    private static Dictionary<string, Quantity> Used(AdmissionRequest request, JsonObject? spec, bool hasScopes, IReadOnlyCollection<string> names)
    {
        var objects = request.Reader.List(request.Resource, request.Namespace);
        if (!hasScopes && names.All(name => name.StartsWith("count/", StringComparison.Ordinal)))
            return names.ToDictionary(name => name, _ => Quantity.FromUnits(objects.Count), StringComparer.Ordinal); // nothing to read
        Dictionary<string, Quantity> sum = new(StringComparer.Ordinal);
        foreach (var stored in objects)
        {
            var tree = stored.ToTree();
            if (QuotaScopes.Match(spec, request.Resource, tree)) PodResources.Add(sum, QuotaUsage.Of(request.Resource, tree));
        }
        return sum;
    }

    private static string? Unsaid(JsonObject pod, Dictionary<string, Quantity> hard)
    {
        if (PodResources.IsSaidForPod(pod.Object("spec"))) return null;
        List<string> missing = [];
        foreach (var name in MustBeSaid.Where(hard.ContainsKey))
        {
            var (field, resource) = name.StartsWith("limits.", StringComparison.Ordinal) ? ("limits", name["limits.".Length..]) : ("requests", name.Replace("requests.", "", StringComparison.Ordinal));
            SortedSet<string> containers = new(StringComparer.Ordinal);
            foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
                foreach (var (_, container) in pod.Object("spec").Items(list))
                    if (!container.Object("resources").Object(field).Has(resource)) containers.Add(container.Text("name"));
            if (containers.Count > 0) missing.Add($"{name} for: {string.Join(',', containers)}");
        }
        return missing.Count == 0 ? null : $"must specify {string.Join("; ", missing)}";
    }
}
