using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.Api.Selectors;

/// <summary>A label selector, from a query (<c>app=web,tier in (a,b)</c>) or from an object's <c>selector</c> field. All its requirements must hold. Immutable.</summary>
public sealed class LabelSelector
{
    public static readonly LabelSelector Everything = new([]);

    /// <summary>Matches no object: what an absent selector field means.</summary>
    public static readonly LabelSelector Nothing = new([], matchesNothing: true);

    private readonly bool _matchesNothing;

    private LabelSelector(IReadOnlyList<LabelRequirement> requirements, bool matchesNothing = false)
    {
        Requirements = requirements;
        _matchesNothing = matchesNothing;
    }

    /// <summary>Sorted by key.</summary>
    public IReadOnlyList<LabelRequirement> Requirements { get; }

    /// <summary>True: every object matches.</summary>
    public bool IsEmpty => Requirements.Count == 0 && !_matchesNothing;

    /// <summary>Reads the query form.</summary>
    /// <exception cref="FormatException">With upstream's message.</exception>
    public static LabelSelector Parse(string text)
    {
        var requirements = new LabelSelectorParser(text).Parse();
        return requirements.Count == 0 ? Everything : new([.. requirements.OrderBy(r => r.Key, StringComparer.Ordinal)]);
    }

    /// <summary>From labels that must all be there (<c>spec.selector</c> of Services and ReplicationControllers).</summary>
    public static LabelSelector FromLabels(IEnumerable<KeyValuePair<string, string>> labels) =>
        new([.. labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => new LabelRequirement(l.Key, LabelOperator.Equal, [l.Value]))]);

    /// <summary>From the API's LabelSelector object: null matches nothing, an empty one everything.</summary>
    /// <exception cref="FormatException">With upstream's message.</exception>
    public static LabelSelector FromObject(JsonObject? selector)
    {
        if (selector is null) return Nothing;
        var requirements = new List<LabelRequirement>();
        if (selector["matchLabels"] is JsonObject labels)
            foreach (var (key, value) in labels) requirements.Add(Checked(key, LabelOperator.Equal, [(string?)value ?? ""]));
        if (selector["matchExpressions"] is JsonArray expressions)
            foreach (var expression in expressions.OfType<JsonObject>())
            {
                var name = (string?)expression["operator"] ?? "";
                LabelOperator? op = name switch
                {
                    "In" => LabelOperator.In,
                    "NotIn" => LabelOperator.NotIn,
                    "Exists" => LabelOperator.Exists,
                    "DoesNotExist" => LabelOperator.DoesNotExist,
                    _ => null,
                };
                if (op is null) throw new FormatException($"{FieldError.Quote(name)} is not a valid label selector operator");
                var values = expression["values"] is JsonArray list ? list.Select(v => (string?)v ?? "").Order(StringComparer.Ordinal).ToList() : [];
                requirements.Add(Checked((string?)expression["key"] ?? "", op.Value, values));
            }
        return requirements.Count == 0 ? Everything : new([.. requirements.OrderBy(r => r.Key, StringComparer.Ordinal)]);
    }

    /// <param name="labelOf">The label's value, null when the object does not have it.</param>
    public bool Matches(Func<string, string?> labelOf)
    {
        if (_matchesNothing) return false;
        foreach (var requirement in Requirements)
            if (!requirement.Matches(labelOf(requirement.Key))) return false;
        return true;
    }

    public bool Matches(IReadOnlyDictionary<string, string> labels) => Matches(labels.GetValueOrDefault);

    public bool Matches(IDictionary<string, string>? labels)
    {
        if (_matchesNothing) return false;
        foreach (var requirement in Requirements)
            if (!requirement.Matches(labels is not null && labels.TryGetValue(requirement.Key, out var value) ? value : null)) return false;
        return true;
    }

    /// <summary>Looks at <c>metadata.labels</c> of a tree.</summary>
    public bool Matches(JsonObject obj)
    {
        var labels = obj["metadata"]?["labels"] as JsonObject;
        return Matches(key => (string?)labels?[key]);
    }

    /// <summary>Looks at <c>metadata.labels</c> of an object's UTF-8 JSON. Reads no further than the labels and makes strings for values only.</summary>
    public bool Matches(ReadOnlySpan<byte> json)
    {
        if (_matchesNothing) return false;
        if (Requirements.Count == 0) return true;
        // One bit a requirement; nobody sends more than 64.
        if (Requirements.Count > 64) return Matches(JsonNode.Parse(json)!.AsObject());
        var reader = new Utf8JsonReader(json);
        if (!TryEnter(ref reader, "metadata"u8) || !TryEnter(ref reader, "labels"u8)) return AbsenceMatches(seen: 0);
        ulong seen = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var found = Find(ref reader, seen, out var matches, out var also);
            if (found && !matches) return false;
            seen |= also;
        }
        return AbsenceMatches(seen);
    }

    public override string ToString() => string.Join(',', Requirements);

    internal static LabelRequirement Checked(string key, LabelOperator op, IReadOnlyList<string> values)
    {
        var errors = new List<string>();
        if (LabelRules.KeyErrors(key) is { Count: > 0 } wrongKey) errors.Add($"key: Invalid value: {FieldError.Quote(key)}: {string.Join("; ", wrongKey)}");
        var shown = "[" + string.Join(",", values.Select(FieldError.Quote)) + "]";
        if (op is LabelOperator.In or LabelOperator.NotIn && values.Count == 0)
            errors.Add($"values: Invalid value: {shown}: for 'in', 'notin' operators, values set can't be empty");
        if (op is LabelOperator.Equal or LabelOperator.DoubleEqual or LabelOperator.NotEqual && values.Count != 1)
            errors.Add($"values: Invalid value: {shown}: exact-match compatibility requires one single value");
        if (op is LabelOperator.Exists or LabelOperator.DoesNotExist && values.Count != 0)
            errors.Add($"values: Invalid value: {shown}: values set must be empty for exists and does not exist");
        if (op is LabelOperator.GreaterThan or LabelOperator.LessThan)
            for (var i = 0; i < values.Count; i++)
                if (!LabelRequirement.TryInteger(values[i], out _))
                    errors.Add($"values[{i}]: Invalid value: {FieldError.Quote(values[i])}: for 'Gt', 'Lt' operators, the value must be an integer");
        for (var i = 0; i < values.Count; i++)
            if (LabelRules.ValueErrors(values[i]) is { Count: > 0 } wrong)
                errors.Add($"values[{i}][{key}]: Invalid value: {FieldError.Quote(values[i])}: {string.Join("; ", wrong)}");
        return errors.Count == 0 ? new(key, op, values) : throw new FormatException(errors.Count == 1 ? errors[0] : $"[{string.Join(", ", errors)}]");
    }

    /// <summary>Requirements on the label the reader stands at; moves the reader to the label's value.</summary>
    private bool Find(ref Utf8JsonReader reader, ulong seen, out bool matches, out ulong also)
    {
        matches = true;
        also = 0;
        for (var i = 0; i < Requirements.Count; i++)
            if (reader.ValueTextEquals(Requirements[i].Key)) also |= 1UL << i;
        reader.Read();
        if (also == 0) return false;
        var value = reader.GetString() ?? "";
        for (var i = 0; i < Requirements.Count; i++)
            if ((also & (1UL << i)) != 0 && !Requirements[i].Matches(value)) matches = false;
        return true;
    }

    private bool AbsenceMatches(ulong seen)
    {
        for (var i = 0; i < Requirements.Count; i++)
            if ((seen & (1UL << i)) == 0 && !Requirements[i].AcceptsAbsence) return false;
        return true;
    }

    /// <summary>Reads the next token and, if it begins an object, stops inside its member <paramref name="name"/>'s object.</summary>
    private static bool TryEnter(ref Utf8JsonReader reader, ReadOnlySpan<byte> name)
    {
        if (reader.TokenType == JsonTokenType.None && !reader.Read()) return false;
        if (reader.TokenType != JsonTokenType.StartObject) return false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isWanted = reader.ValueTextEquals(name);
            reader.Read();
            if (isWanted) return reader.TokenType == JsonTokenType.StartObject;
            reader.Skip();
        }
        return false;
    }
}
