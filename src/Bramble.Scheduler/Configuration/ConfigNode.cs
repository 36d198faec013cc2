using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Selectors;

namespace Bramble.Scheduler.Configuration;

/// <summary>A piece of the configuration file with its path, so that whatever is wrong is told with its place.</summary>
internal readonly record struct ConfigNode(JsonNode? Value, string Path)
{
    public bool IsAbsent => Value is null;

    /// <summary>The fields of an object; one that is not among <paramref name="known"/> is an error.</summary>
    public ConfigNode Object(params string[] known)
    {
        if (Value is null) return this;
        if (Value is not JsonObject tree) throw Wrong("must be a mapping");
        foreach (var (name, _) in tree)
            if (!known.Contains(name, StringComparer.Ordinal)) throw new InvalidDataException($"{Child(name)}: unknown field; known here: {string.Join(", ", known)}");
        return this;
    }

    public ConfigNode this[string field] => new((Value as JsonObject)?[field], Child(field));

    public IEnumerable<ConfigNode> Items()
    {
        if (Value is null) yield break;
        if (Value is not JsonArray list) throw Wrong("must be a list");
        for (var i = 0; i < list.Count; i++) yield return new(list[i], $"{Path}[{i}]");
    }

    public string? Text() => Value is null ? null : Value.GetValueKind() == JsonValueKind.String ? (string?)Value : throw Wrong("must be text");

    public string RequiredText() => Text() is { Length: > 0 } text ? text : throw new InvalidDataException($"{Path}: Required value");

    /// <param name="why">Null: the range is told.</param>
    public int? Number(int least = int.MinValue, int most = int.MaxValue, string? why = null)
    {
        if (Value is null) return null;
        if (Value.GetValueKind() != JsonValueKind.Number || !int.TryParse(Value.ToJsonString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)) throw Wrong("must be a whole number");
        return number >= least && number <= most ? number : throw Wrong(why ?? $"not in valid range [{least}, {(most == int.MaxValue ? "inf)" : $"{most}]")}");
    }

    /// <summary>As Go writes it: <c>1m30s</c>.</summary>
    public TimeSpan? Duration() => Text() is not { } text ? null : GoDuration.Parse(text) is { } nanoseconds ? TimeSpan.FromTicks(nanoseconds / 100) : throw Wrong("must be a duration, as 1m30s");

    public bool? Switch() => Value?.GetValueKind() switch { null => null, JsonValueKind.True => true, JsonValueKind.False => false, _ => throw Wrong("must be true or false") };

    public T OneOf<T>(T otherwise) where T : struct, Enum => Text() is not { } text ? otherwise
        : Enum.GetNames<T>().Contains(text, StringComparer.Ordinal) ? Enum.Parse<T>(text)
        : throw Unsupported([.. Enum.GetNames<T>().Order(StringComparer.Ordinal)]);

    /// <summary>What a label's name may be.</summary>
    public string LabelName()
    {
        var name = Text() ?? "";
        return LabelRules.KeyErrors(name) is { Count: > 0 } complaints ? throw new InvalidDataException($"{Path}: Invalid value: \"{name}\": {string.Join("; ", complaints)}") : name;
    }

    /// <summary>In upstream's words, as those below.</summary>
    public InvalidDataException Wrong(string why) => new($"{Path}: Invalid value: {Value?.ToJsonString() ?? "null"}: {why}");

    public InvalidDataException Unsupported(params string[] supported) => new($"{Path}: Unsupported value: {Value?.ToJsonString() ?? "null"}: supported values: {string.Join(", ", supported.Select(s => $"\"{s}\""))}");

    public InvalidDataException Missing(string why) => new($"{Path}: Required value: {why}");

    public InvalidDataException Forbidden(string why) => new($"{Path}: Forbidden: {why}");

    public InvalidDataException Duplicate(string what) => new($"{Path}: Duplicate value: \"{what}\"");

    private string Child(string field) => Path.Length == 0 ? field : $"{Path}.{field}";
}
