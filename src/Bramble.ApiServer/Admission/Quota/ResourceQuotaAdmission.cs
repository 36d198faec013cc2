using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Admission.Quota;

/// <summary>A namespace's ResourceQuotas: nothing is created, and nothing grows, beyond them. What a write takes is added to the quotas' status before the
/// write is stored, with their resourceVersion as the condition: of two writes at once that fit only one by one, one is refused, also with several servers.</summary>
/// <remarks>A write that fails afterwards leaves its share in the status; <see cref="QuotaStatusWriter"/> counts anew and gives it back.</remarks>
internal sealed class ResourceQuotaAdmission(Func<IKubeClient> client, TimeProvider time, IReadOnlyList<LimitedResource> limited) : IAdmissionPlugin
{
    private const int WriteAttemptsMax = 10;
    private const int TurnsCount = 16;

    private static readonly ResourceId QuotaId = new("", "v1", "resourcequotas", "ResourceQuota", true);
    private static readonly GroupResource Quotas = new("", "resourcequotas");
    private static readonly GroupResource Pods = new("", "pods");

    /// <summary>A quota on these obliges every container to say what it wants.</summary>
    private static readonly string[] MustBeSaid = ["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];

    /// <summary>Writes of one namespace take from its quotas one after the other, as each would lose against the others; several namespaces may share a turn.</summary>
    private readonly Permits[] _turns = [.. Enumerable.Range(0, TurnsCount).Select(_ => new Permits(1))];

    public string Name => "ResourceQuota";

    public bool Handles(AdmissionRequest request)
    {
        if (request.Object is null || request.Namespace.Length == 0 || QuotaUsage.IsUncounted(request.Resource)) return false;
        if (request.Operation == AdmissionOperation.Create) return request.Subresource.Length == 0;
        if (request.Operation != AdmissionOperation.Update) return false;
        // A pod that gets a deadline, or loses it, falls under other quotas.
        if (request.Is("", "pods")) return QuotaScopes.IsTerminating(request.Object) != QuotaScopes.IsTerminating(request.OldObject);
        // A claim's status may name another class of volume attributes, or tell of an expansion: that too is counted.
        if (request.Is("", "persistentvolumeclaims", "status")) return true;
        return request.Is("", "services") || request.Is("", "persistentvolumeclaims") || request.Is("", "pods", "resize") || request.Is("resource.k8s.io", "resourceclaims");
    }

    public async ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var hasQuotas = request.Reader.List(Quotas, request.Namespace).Count > 0;
        if (!hasQuotas && limited.Count == 0) return;
        var wanted = QuotaUsage.Of(request.Resource, request.Object!, request.Reader, time.GetUtcNow());
        // What must be said is asked by all quotas before the first one counts.
        if (request.Resource == Pods)
            foreach (var quota in QuotasAbout(request))
                if (Unsaid(request.Object!, PodResources.Read(quota.Object("spec"), "hard")) is { } unsaid) throw request.Forbidden($"failed quota: {quota.ObjectName()}: {unsaid}");
        if (limited.Count > 0) CheckLimited(request, wanted);
        if (!hasQuotas) return;
        var turn = _turns[(uint)string.GetHashCode(request.Namespace) % TurnsCount];
        await turn.TakeAsync(cancel);
        try
        {
            await TakeAsync(request, wanted, cancel);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task TakeAsync(AdmissionRequest request, Dictionary<string, Quantity> wanted, CancellationToken cancel)
    {
        HashSet<string> taken = new(StringComparer.Ordinal);
        for (var attempt = 1; ; attempt++)
        {
            // All are asked before any is written: a refusal takes nothing.
            List<JsonObject> charged = [];
            foreach (var quota in QuotasAbout(request))
                if (!taken.Contains(quota.ObjectName()) && Charge(request, quota, wanted) is { } more) charged.Add(more);
            if (request.IsDryRun || charged.Count == 0) return;
            try
            {
                foreach (var quota in charged)
                {
                    await client().UpdateAsync(QuotaId, new NamespacedName(request.Namespace, quota.ObjectName()), quota, "status", cancel);
                    taken.Add(quota.ObjectName());
                }
                return;
            }
            catch (StatusException lost) when (lost.Status.Code is 404 or 409 && attempt < WriteAttemptsMax)
            {
                continue; // another write took from this quota meanwhile: what is left of it is looked at again
            }
        }
    }

    /// <summary>What is limited must be allowed by some quota, what is in a limited scope by one with that scope.</summary>
    private void CheckLimited(AdmissionRequest request, Dictionary<string, Quantity> wanted)
    {
        var (resource, obj) = (request.Resource, request.Object!);
        var parts = limited.Where(l => l.Resource == resource).SelectMany(l => l.Contains).ToList();
        SortedSet<string> names = new(wanted.Where(w => w.Value.Sign > 0 && parts.Exists(part => w.Key.Contains(part, StringComparison.Ordinal))).Select(w => w.Key), StringComparer.Ordinal);
        var scopes = limited.SelectMany(l => l.Scopes).Where(scope => QuotaScopes.Matches(resource, scope, obj)).ToList();
        if (names.Count == 0 && scopes.Count == 0) return;
        var about = QuotasAbout(request).Select(quota => quota.Object("spec")).ToList();
        if (!TakesMore(request, wanted, about)) return;
        foreach (var spec in about) names.ExceptWith((spec.Object("hard") ?? []).Select(hard => hard.Key));
        if (names.Count > 0) throw request.Forbidden($"insufficient quota to consume: {string.Join(',', names)}");
        var allowed = AllQuotas(request).SelectMany(quota => QuotaScopes.Of(quota.Object("spec"))).Where(scope => QuotaScopes.Matches(resource, scope, obj)).Select(scope => scope.Scope).ToHashSet(StringComparer.Ordinal);
        var refused = scopes.Where(scope => !allowed.Contains(scope.Scope)).ToList();
        // No refusal of upstream's admission but a failure, with its code.
        if (refused.Count > 0) throw new StatusException(new Status(500, "", $"insufficient quota to match these scopes: [{string.Join(' ', refused)}]"));
    }

    private bool TakesMore(AdmissionRequest request, Dictionary<string, Quantity> wanted, List<JsonObject?> about)
    {
        if (request.Operation != AdmissionOperation.Update || request.OldObject is not { } old) return wanted.Values.Any(w => w.Sign > 0);
        var had = QuotaUsage.Of(request.Resource, old, request.Reader, time.GetUtcNow());
        // An object that comes under a quota is new to it.
        return about.Exists(spec => !QuotaScopes.Match(spec, request.Resource, old)) ? wanted.Values.Any(w => w.Sign > 0)
            : wanted.Any(w => (w.Value - had.GetValueOrDefault(w.Key, Quantity.FromUnits(0))).Sign > 0);
    }

    private static IEnumerable<JsonObject> AllQuotas(AdmissionRequest request) =>
        request.Reader.List(Quotas, request.Namespace).OrderBy(q => q.Name.Name, StringComparer.Ordinal).Select(quota => quota.ToTree());

    private static IEnumerable<JsonObject> QuotasAbout(AdmissionRequest request) =>
        AllQuotas(request).Where(quota => QuotaScopes.Match(quota.Object("spec"), request.Resource, request.Object!));

    /// <summary>The quota with this write's share added to what its status says is used; null when the write takes nothing of it. Refuses what does not fit.</summary>
    private JsonObject? Charge(AdmissionRequest request, JsonObject quota, Dictionary<string, Quantity> wanted)
    {
        var spec = quota.Object("spec");
        var hard = PodResources.Read(spec, "hard");
        // What the object used before counts where the quota was about it before.
        var before = request.Operation == AdmissionOperation.Update && request.OldObject is { } old && QuotaScopes.Match(spec, request.Resource, old) ? QuotaUsage.Of(request.Resource, old, request.Reader, time.GetUtcNow()) : [];
        SortedDictionary<string, Quantity> asked = new(StringComparer.Ordinal);
        foreach (var (name, quantity) in wanted)
        {
            var more = before.TryGetValue(name, out var had) ? quantity - had : quantity;
            if (hard.ContainsKey(name) && more.Sign > 0) asked[name] = more;
        }
        if (asked.Count == 0) return null;
        // A quota that is new, or whose limits changed, has no status that counts yet.
        if (!JsonNode.DeepEquals(quota.Object("status").Object("hard"), spec.Object("hard"))) quota["status"] = QuotaStatus.Decide(quota, request.Reader, time.GetUtcNow());
        var used = PodResources.Read(quota.Object("status"), "used");
        Quantity Used(string name) => used.GetValueOrDefault(name, Quantity.FromUnits(0));
        var exceeded = asked.Where(a => Used(a.Key) + a.Value > hard[a.Key]).Select(a => a.Key).ToList();
        string Show(Func<string, Quantity> of) => string.Join(',', exceeded.Select(name => $"{name}={of(name)}"));
        // What a status tells has happened already: it is counted, not refused.
        if (exceeded.Count > 0 && request.Subresource != "status")
            throw request.Forbidden($"exceeded quota: {quota.ObjectName()}, requested: {Show(name => asked[name])}, used: {Show(Used)}, limited: {Show(name => hard[name])}");
        var shown = quota.Object("status").Object("used")!;
        foreach (var (name, more) in asked) shown[name] = (Used(name) + more).ToString();
        return quota;
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
