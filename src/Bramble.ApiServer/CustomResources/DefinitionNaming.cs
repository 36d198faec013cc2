using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>Which names of a definition are accepted, and its conditions (behaviour of apiextensions' naming and establishing controllers). Pure.</summary>
internal static class DefinitionNaming
{
    /// <summary>The status the definition should have; null: as it is.</summary>
    /// <param name="others">The other definitions.</param>
    public static JsonObject? Decide(Definition definition, IReadOnlyCollection<Definition> others, DateTimeOffset now)
    {
        var status = (JsonObject?)definition.Tree.Object("status")?.DeepClone() ?? [];
        if (DefinitionRules.Approval(definition.Tree) is { } approval)
            SetCondition(status, "KubernetesAPIApprovalPolicyConformant", approval.Reason == DefinitionRules.ApprovedReason, approval.Reason, approval.Message, now);
        var conflict = Accept(definition, others, status);
        SetCondition(status, "NamesAccepted", conflict is null, conflict?.Reason ?? "NoConflicts", conflict?.Message ?? "no conflicts found", now);
        // Once established it stays so: objects may exist. It is so one step after its names, when every server of the cluster can know them.
        if (!definition.IsEstablished)
        {
            if (conflict is not null) SetCondition(status, "Established", false, "NotAccepted", "not all names are accepted", now);
            else if (definition.ConditionIs("NamesAccepted")) SetCondition(status, "Established", true, "InitialNamesAccepted", "the initial names have been accepted", now);
            else SetCondition(status, "Established", false, "Installing", "the initial names have been accepted", now);
        }
        return JsonNode.DeepEquals(status, definition.Tree.Object("status")) ? null : status;
    }

    /// <summary>Takes those of its names that are free.</summary>
    /// <returns>The last of the conflicts, as upstream has it.</returns>
    private static (string Reason, string Message)? Accept(Definition definition, IReadOnlyCollection<Definition> others, JsonObject status)
    {
        var resources = new HashSet<string>(StringComparer.Ordinal);
        var kinds = new HashSet<string>(StringComparer.Ordinal);
        foreach (var other in others.Where(o => o.Group == definition.Group && o.Name != definition.Name))
        {
            var taken = other.Tree.Object("status").Object("acceptedNames") ?? [];
            resources.UnionWith([taken.Text("plural"), taken.Text("singular"), .. taken.Texts("shortNames")]);
            kinds.UnionWith([taken.Text("kind"), taken.Text("listKind")]);
        }
        // Upstream keeps both apart and serves both; here they would be one.
        if (definition.OverlapsBuiltIn) resources.Add(definition.Resource.Resource);

        var (names, accepted) = (definition.Names, status.Child("acceptedNames"));
        (string, string)? conflict = null;
        foreach (var (field, reason, used) in (ReadOnlySpan<(string, string, HashSet<string>)>)
            [("plural", "PluralConflict", resources), ("singular", "SingularConflict", resources), ("shortNames", "ShortNamesConflict", resources), ("kind", "KindConflict", kinds), ("listKind", "ListKindConflict", kinds)])
        {
            List<string> known = [.. ListOf(accepted, field)], bad = [];
            foreach (var name in ListOf(names, field))
                if (name.Length > 0 && !known.Contains(name) && used.Contains(name)) bad.Add(InUse(name));
            if (bad.Count > 0) conflict = (reason, bad.Count == 1 ? bad[0] : $"[{string.Join(", ", bad)}]");
            else Copy(names, accepted, field);
        }

        Copy(names, accepted, "categories");
        return conflict;
    }

    private static IEnumerable<string> ListOf(JsonObject names, string field) => field == "shortNames" ? names.Texts(field) : [names.Text(field)];

    private static void Copy(JsonObject from, JsonObject to, string field)
    {
        if (from[field] is { } value) to[field] = value.DeepClone();
        else to.Remove(field);
    }

    private static string InUse(string name) => $"\"{name}\" is already in use";

    public static void SetCondition(JsonObject status, string type, bool isTrue, string reason, string message, DateTimeOffset now)
    {
        if (status.Array("conditions") is not { } conditions) status["conditions"] = conditions = [];
        var wanted = isTrue ? "True" : "False";
        if (Find(status, type) is not { } known)
        {
            conditions.Add((JsonNode)new JsonObject { ["type"] = type, ["status"] = wanted, ["lastTransitionTime"] = KubernetesTime.Write(now), ["reason"] = reason, ["message"] = message });
            return;
        }
        if (known.Text("status") != wanted) known["lastTransitionTime"] = KubernetesTime.Write(now);
        (known["status"], known["reason"], known["message"]) = (wanted, reason, message);
    }

    public static JsonObject? Find(JsonObject? status, string type)
    {
        foreach (var (_, condition) in status.Items("conditions"))
            if (condition.Text("type") == type) return condition;
        return null;
    }
}
