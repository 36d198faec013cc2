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
        var conflict = FindConflict(definition, others);
        if (conflict is null) status["acceptedNames"] = definition.Names.DeepClone();
        SetCondition(status, "NamesAccepted", conflict is null, conflict?.Reason ?? "NoConflicts", conflict?.Message ?? "no conflicts found", now);
        // Once established it stays so: objects may exist.
        if (!definition.IsEstablished)
            SetCondition(status, "Established", conflict is null, conflict is null ? "InitialNamesAccepted" : "NotAccepted", conflict is null ? "the initial names have been accepted" : "not all names are accepted", now);
        return JsonNode.DeepEquals(status, definition.Tree.Object("status")) ? null : status;
    }

    private static (string Reason, string Message)? FindConflict(Definition definition, IReadOnlyCollection<Definition> others)
    {
        var resources = new HashSet<string>(StringComparer.Ordinal);
        var kinds = new HashSet<string>(StringComparer.Ordinal);
        foreach (var other in others.Where(o => o.Group == definition.Group && o.Name != definition.Name))
        {
            var accepted = other.Tree.Object("status").Object("acceptedNames") ?? [];
            resources.UnionWith([accepted.Text("plural"), accepted.Text("singular"), .. accepted.Texts("shortNames")]);
            kinds.UnionWith([accepted.Text("kind"), accepted.Text("listKind")]);
        }
        var names = definition.Names;
        if (resources.Contains(names.Text("plural"))) return ("PluralConflict", InUse(names.Text("plural")));
        if (names.Text("singular") is { Length: > 0 } singular && resources.Contains(singular)) return ("SingularConflict", InUse(singular));
        foreach (var name in names.Texts("shortNames"))
            if (resources.Contains(name)) return ("ShortNamesConflict", InUse(name));
        if (kinds.Contains(names.Text("kind"))) return ("KindConflict", InUse(names.Text("kind")));
        if (names.Text("listKind") is { Length: > 0 } list && kinds.Contains(list)) return ("ListKindConflict", InUse(list));
        return null;
    }

    private static string InUse(string name) => $"\"{name}\" is already in use";

    public static void SetCondition(JsonObject status, string type, bool isTrue, string reason, string message, DateTimeOffset now)
    {
        if (status.Array("conditions") is not { } conditions) status["conditions"] = conditions = [];
        var wanted = isTrue ? "True" : "False";
        JsonObject? known = null;
        foreach (var (_, condition) in status.Items("conditions"))
            if (condition.Text("type") == type) known = condition;
        if (known is null)
        {
            conditions.Add((JsonNode)new JsonObject { ["type"] = type, ["status"] = wanted, ["lastTransitionTime"] = KubernetesTime.Write(now), ["reason"] = reason, ["message"] = message });
            return;
        }
        if (known.Text("status") != wanted) known["lastTransitionTime"] = KubernetesTime.Write(now);
        (known["status"], known["reason"], known["message"]) = (wanted, reason, message);
    }
}
