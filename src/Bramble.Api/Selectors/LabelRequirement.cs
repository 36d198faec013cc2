using System.Globalization;

namespace Bramble.Api.Selectors;

/// <summary>How a requirement looks at a label. <c>Equal</c> is written <c>=</c>, <c>DoubleEqual</c> <c>==</c>: they mean the same.</summary>
public enum LabelOperator { In, NotIn, Equal, DoubleEqual, NotEqual, Exists, DoesNotExist, GreaterThan, LessThan }

/// <summary>One condition of a <see cref="LabelSelector"/>. Values are sorted and distinct.</summary>
public sealed record LabelRequirement(string Key, LabelOperator Operator, IReadOnlyList<string> Values)
{
    /// <summary>True for operators that an object without the label satisfies.</summary>
    public bool AcceptsAbsence => Operator is LabelOperator.NotIn or LabelOperator.NotEqual or LabelOperator.DoesNotExist;

    /// <param name="value">Null: the object does not have the label.</param>
    public bool Matches(string? value) => value is null ? AcceptsAbsence : Operator switch
    {
        LabelOperator.In or LabelOperator.Equal or LabelOperator.DoubleEqual => Values.Contains(value),
        LabelOperator.NotIn or LabelOperator.NotEqual => !Values.Contains(value),
        LabelOperator.Exists => true,
        LabelOperator.DoesNotExist => false,
        _ => TryInteger(value, out var have) && TryInteger(Values[0], out var limit) && (Operator == LabelOperator.GreaterThan ? have > limit : have < limit),
    };

    public override string ToString() => Operator switch
    {
        LabelOperator.Exists => Key,
        LabelOperator.DoesNotExist => "!" + Key,
        LabelOperator.In => $"{Key} in ({string.Join(',', Values)})",
        LabelOperator.NotIn => $"{Key} notin ({string.Join(',', Values)})",
        LabelOperator.Equal => $"{Key}={Values[0]}",
        LabelOperator.DoubleEqual => $"{Key}=={Values[0]}",
        LabelOperator.NotEqual => $"{Key}!={Values[0]}",
        LabelOperator.GreaterThan => $"{Key}>{Values[0]}",
        _ => $"{Key}<{Values[0]}",
    };

    internal static bool TryInteger(string text, out long value) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
}
