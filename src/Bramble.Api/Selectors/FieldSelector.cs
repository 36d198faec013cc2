using System.Text;

namespace Bramble.Api.Selectors;

/// <summary>One condition of a <see cref="FieldSelector"/>: the field equals the value, or does not.</summary>
public readonly record struct FieldTerm(string Field, bool IsEqual, string Value)
{
    public override string ToString() => $"{Field}{(IsEqual ? "=" : "!=")}{Value.Replace("\\", "\\\\").Replace(",", "\\,").Replace("=", "\\=")}";
}

/// <summary>A field selector (<c>spec.nodeName=a,status.phase!=Failed</c>). Which fields there are is the kind's business. Immutable.</summary>
public sealed class FieldSelector
{
    public static readonly FieldSelector Everything = new([]);

    private FieldSelector(IReadOnlyList<FieldTerm> terms) => Terms = terms;

    public IReadOnlyList<FieldTerm> Terms { get; }

    public bool IsEmpty => Terms.Count == 0;

    /// <exception cref="FormatException">With upstream's message.</exception>
    public static FieldSelector Parse(string text)
    {
        var terms = new List<FieldTerm>();
        foreach (var part in Split(text).Order(StringComparer.Ordinal))
            if (part.Length > 0) terms.Add(ParseTerm(text, part));
        return terms.Count == 0 ? Everything : new(terms);
    }

    /// <summary>The value a field must equal, if a term says so.</summary>
    public string? RequiredValue(string field)
    {
        foreach (var term in Terms)
            if (term.IsEqual && term.Field == field) return term.Value;
        return null;
    }

    /// <param name="valueOf">An absent field is the empty string.</param>
    public bool Matches(Func<string, string?> valueOf)
    {
        foreach (var term in Terms)
            if ((valueOf(term.Field) ?? "") == term.Value != term.IsEqual) return false;
        return true;
    }

    public override string ToString() => string.Join(',', Terms);

    /// <summary>Splits at commas that no backslash stands before.</summary>
    private static IEnumerable<string> Split(string text)
    {
        var start = 0;
        for (var at = 0; at < text.Length; at++)
        {
            if (text[at] == '\\')
                at++;
            else if (text[at] == ',')
            {
                yield return text[start..at];
                start = at + 1;
            }
        }
        yield return text[start..];
    }

    private static FieldTerm ParseTerm(string selector, string term)
    {
        for (var at = 0; at < term.Length; at++)
        {
            var rest = term.AsSpan(at);
            if (rest.StartsWith("!=")) return new(term[..at], IsEqual: false, Unescape(term[(at + 2)..]));
            if (rest.StartsWith("==")) return new(term[..at], IsEqual: true, Unescape(term[(at + 2)..]));
            if (rest[0] == '=') return new(term[..at], IsEqual: true, Unescape(term[(at + 1)..]));
        }
        throw new FormatException($"invalid selector: '{selector}'; can't understand '{term}'");
    }

    private static string Unescape(string value)
    {
        if (value.AsSpan().IndexOfAny('\\', ',', '=') < 0) return value;
        var plain = new StringBuilder(value.Length);
        for (var at = 0; at < value.Length; at++)
            switch (value[at])
            {
                case '\\' when at + 1 == value.Length:
                    throw new FormatException("invalid field selector: invalid escape sequence: \\");
                case '\\' when value[at + 1] is '\\' or ',' or '=':
                    plain.Append(value[++at]);
                    break;
                case '\\':
                    throw new FormatException($"invalid field selector: invalid escape sequence: \\{value[at + 1]}");
                // Go prints the character's number here.
                case ',' or '=':
                    throw new FormatException($"invalid field selector: unescaped character in value: {(int)value[at]}");
                default:
                    plain.Append(value[at]);
                    break;
            }
        return plain.ToString();
    }
}
