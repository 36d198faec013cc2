namespace Bramble.Api.Cel;

/// <summary>What is known to fail before anything is evaluated: literals that are no duration, timestamp or pattern; lists and maps of different types (cel-go's AST validators, on since 1.29).</summary>
internal static class CelLiteralRules
{
    public static void Check(CelExpression expression, CelSource source) => Check(expression, source, mayMix: false);

    /// <param name="mayMix">Inside what is formatted, where a list holds anything.</param>
    private static void Check(CelExpression expression, CelSource source, bool mayMix)
    {
        switch (expression)
        {
            case CelExpression.Call { Arguments: [CelExpression.Literal literal, ..] } call when !IsRight(call.Function, literal.Value):
                source.Report(literal.At, $"invalid {call.Function} argument");
                break;
            case CelExpression.ListOf list when !mayMix:
                SameTypes(list.Items.Select(i => (i.Value, i.IsOptional)), source, onlyFirst: true);
                break;
            case CelExpression.MapOf map when !mayMix:
                SameTypes(map.Entries.Select(e => (e.Key, false)), source, onlyFirst: false);
                SameTypes(map.Entries.Select(e => (e.Value, e.IsOptional)), source, onlyFirst: false);
                break;
        }
        mayMix |= expression is CelExpression.Call { Function: "format" };
        foreach (var part in expression.Parts()) Check(part, source, mayMix);
    }

    private static bool IsRight(string function, object? value) => (function, value) switch
    {
        ("duration" or "timestamp", _) => CelConversions.Convert(function, value) is not CelFault,
        ("matches" or "find" or "findAll", string pattern) => CelTexts.Pattern(pattern, out _) is not null,
        _ => true,
    };

    private static void SameTypes(IEnumerable<(CelExpression Value, bool IsOptional)> values, CelSource source, bool onlyFirst)
    {
        CelType? first = null;
        foreach (var (value, isOptional) in values)
        {
            var type = isOptional && value.Type!.Parameters.Count > 0 ? value.Type.Parameters[0] : value.Type!;
            first ??= type;
            if (AreSame(first, type)) continue;
            source.Report(value.At, $"expected type '{first}' but found '{type}'");
            if (onlyFirst) return;
        }
    }

    private static bool AreSame(CelType a, CelType b) =>
        a.Kind == b.Kind && (a.Kind == CelKind.Type || a.Name == b.Name) && a.Parameters.Count == b.Parameters.Count && a.Parameters.Zip(b.Parameters).All(p => AreSame(p.First, p.Second));
}
