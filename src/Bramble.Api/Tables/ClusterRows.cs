using System.Text.Json.Nodes;

namespace Bramble.Api.Tables;

/// <summary>Rows of the cluster's own objects: configuration, access, quotas, flow control, devices.</summary>
internal static class ClusterRows
{
    public static JsonArray NameAndAge(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Age(now));

    public static JsonArray Namespace(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Text("status", "phase"), o.Age(now));

    public static JsonArray ConfigMap(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Count("data") + o.Count("binaryData"), o.Age(now));

    public static JsonArray Secret(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Text("type"), o.Count("data"), o.Age(now));

    public static JsonArray Lease(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Text("spec", "holderIdentity"), o.Age(now));

    public static JsonArray RuntimeClass(JsonObject o, DateTimeOffset now) => new(o.Name(), o.Text("handler"), o.Age(now));

    public static JsonArray ComponentStatus(JsonObject o, DateTimeOffset now)
    {
        if (o.Items("conditions").FirstOrDefault(c => c.Text("type") == "Healthy") is not { } healthy) return new JsonArray(o.Name(), "Unknown", "", "");
        return new JsonArray(o.Name(), healthy.Text("status") == "True" ? "Healthy" : "Unhealthy", healthy.Text("message"), healthy.Text("error"));
    }

    public static JsonArray ResourceQuota(JsonObject o, DateTimeOffset now)
    {
        var names = (o.At("status", "hard") as JsonObject ?? []).Select(h => h.Key).Order(StringComparer.Ordinal).ToList();
        string Show(IEnumerable<string> resources) =>
            string.Join(", ", resources.Select(r => $"{r}: {o.Amount("status", "used", r)}/{o.Amount("status", "hard", r)}"));
        static bool IsLimit(string name) => name.StartsWith("limits.", StringComparison.Ordinal);
        return new JsonArray(o.Name(), Show(names.Where(n => !IsLimit(n))), Show(names.Where(IsLimit)), o.Age(now));
    }

    public static JsonArray CertificateSigningRequest(JsonObject o, DateTimeOffset now)
    {
        var has = o.Items("status", "conditions").Select(c => c.Text("type")).ToHashSet();
        var status = has.Contains("Denied") ? "Denied" : has.Contains("Approved") ? "Approved" : "Pending";
        if (has.Contains("Failed")) status += ",Failed";
        if (o.Text("status", "certificate").Length > 0) status += ",Issued";
        var duration = o.NumberOrNull("spec", "expirationSeconds") is { } seconds ? HumanDuration.Format(TimeSpan.FromSeconds(seconds)) : "<none>";
        return new JsonArray(o.Name(), o.Age(now), o.Text("spec", "signerName").OrNone(), o.Text("spec", "username"), duration, status);
    }

    public static JsonArray APIService(JsonObject o, DateTimeOffset now)
    {
        var service = o.At("spec", "service") is { } s ? $"{s.Text("namespace")}/{s.Text("name")}" : "Local";
        var available = "Unknown";
        if (o.Condition("Available") is { } condition)
        {
            available = condition.Text("status");
            if (available != "True" && condition.Text("reason") is { Length: > 0 } reason) available = $"{available} ({reason})";
        }
        return new JsonArray(o.Name(), service, available, o.Age(now));
    }

    public static JsonArray RoleBinding(JsonObject o, DateTimeOffset now)
    {
        var subjects = o.Items("subjects");
        string Of(string kind) => string.Join(", ", subjects.Where(s => s.Text("kind") == kind)
            .Select(s => kind == "ServiceAccount" ? $"{s.Text("namespace")}/{s.Text("name")}" : s.Text("name")));
        return new JsonArray(o.Name(), $"{o.Text("roleRef", "kind")}/{o.Text("roleRef", "name")}", o.Age(now), Of("User"), Of("Group"), Of("ServiceAccount"));
    }

    public static JsonArray FlowSchema(JsonObject o, DateTimeOffset now) => new(
        o.Name(),
        o.Text("spec", "priorityLevelConfiguration", "name"),
        o.Number("spec", "matchingPrecedence"),
        o.TextOr("<none>", "spec", "distinguisherMethod", "type"),
        o.Age(now),
        o.Condition("Dangling") is { } dangling ? dangling.Text("status") : "?");

    /// <summary>FlowSchemas are listed in the order in which they are matched.</summary>
    public static int ByPrecedence(JsonObject a, JsonObject b) =>
        a.Number("spec", "matchingPrecedence").CompareTo(b.Number("spec", "matchingPrecedence")) is var order and not 0 ? order : string.CompareOrdinal(a.Name(), b.Name());

    public static JsonArray PriorityLevelConfiguration(JsonObject o, DateTimeOffset now)
    {
        var limited = o.At("spec", "limited");
        var queuing = limited.At("limitResponse", "queuing");
        return new JsonArray(
            o.Name(),
            o.Text("spec", "type"),
            limited is null ? "<none>" : limited.At("nominalConcurrencyShares")?.DeepClone(),
            queuing is null ? "<none>" : queuing.Number("queues"),
            queuing is null ? "<none>" : queuing.Number("handSize"),
            queuing is null ? "<none>" : queuing.Number("queueLengthLimit"),
            o.Age(now));
    }

    public static JsonArray ResourceClaim(JsonObject o, DateTimeOffset now)
    {
        var states = new List<string>();
        if (o.IsBeingDeleted()) states.Add("deleted");
        if (o.At("status", "allocation") is not null)
        {
            states.Add("allocated");
            if (o.Count("status", "reservedFor") > 0) states.Add("reserved");
        }
        else if (states.Count == 0) states.Add("pending");
        return new JsonArray(o.Name(), string.Join(',', states), o.Age(now));
    }

    public static JsonArray ResourceSlice(JsonObject o, DateTimeOffset now) => new(
        o.Name(), o.Text("spec", "nodeName"), o.Text("spec", "driver"), o.Text("spec", "pool", "name"), o.Age(now));
}
