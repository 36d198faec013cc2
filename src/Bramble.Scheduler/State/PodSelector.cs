using System.Text.Json.Nodes;
using k8s.Models;

namespace Bramble.Scheduler.State;

/// <summary>A label selector made ready for many comparisons. Absent: nothing matches; empty: everything does. Comparing allocates nothing.</summary>
internal sealed class PodSelector
{
    public static readonly PodSelector Nothing = new([], isNothing: true);
    public static readonly PodSelector Everything = new([]);

    private readonly Requirement[] _requirements;
    private readonly bool _isNothing;

    private PodSelector(Requirement[] requirements, bool isNothing = false)
    {
        _requirements = requirements;
        _isNothing = isNothing;
    }

    /// <summary>It has no requirement and so matches everything.</summary>
    public bool IsEmpty => _requirements.Length == 0 && !_isNothing;
    public bool IsNothing => _isNothing;

    public static PodSelector Of(V1LabelSelector? selector)
    {
        if (selector is null) return Nothing;
        var requirements = new List<Requirement>();
        foreach (var (key, value) in selector.MatchLabels ?? new Dictionary<string, string>()) requirements.Add(new(key, "In", [value]));
        foreach (var expression in selector.MatchExpressions ?? []) requirements.Add(new(expression.Key, expression.OperatorProperty, [.. expression.Values ?? []]));
        return requirements.Count == 0 ? Everything : new([.. requirements]);
    }

    /// <summary>From the API's LabelSelector as a tree.</summary>
    public static PodSelector Of(JsonObject selector)
    {
        var requirements = new List<Requirement>();
        foreach (var (key, value) in selector["matchLabels"] as JsonObject ?? []) requirements.Add(new(key, "In", [(string?)value ?? ""]));
        foreach (var expression in (selector["matchExpressions"] as JsonArray ?? []).OfType<JsonObject>())
            requirements.Add(new((string?)expression["key"] ?? "", (string?)expression["operator"] ?? "", [.. (expression["values"] as JsonArray ?? []).Select(v => (string?)v ?? "")]));
        return requirements.Count == 0 ? Everything : new([.. requirements]);
    }

    public static PodSelector OfLabels(IEnumerable<KeyValuePair<string, string>> labels)
    {
        Requirement[] requirements = [.. labels.Select(l => new Requirement(l.Key, "In", [l.Value]))];
        return requirements.Length == 0 ? Everything : new(requirements);
    }

    /// <summary>What both select.</summary>
    public PodSelector And(PodSelector other) => _isNothing || other._isNothing ? Nothing : new([.. _requirements, .. other._requirements]);

    public bool Matches(IDictionary<string, string>? labels)
    {
        if (_isNothing) return false;
        foreach (var requirement in _requirements)
        {
            string? has = null;
            labels?.TryGetValue(requirement.Key, out has);
            var holds = requirement.Operator switch
            {
                "In" => has is not null && Array.IndexOf(requirement.Values, has) >= 0,
                "NotIn" => has is null || Array.IndexOf(requirement.Values, has) < 0,
                "Exists" => has is not null,
                "DoesNotExist" => has is null,
                _ => false,
            };
            if (!holds) return false;
        }
        return true;
    }

    private readonly record struct Requirement(string Key, string Operator, string[] Values);
}
