using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Bounds of numbers.</summary>
internal static class NumberRules
{
    public const string NotNegative = "must be greater than or equal to 0";
    public const string Positive = "must be greater than zero";

    public static void NonNegative(long value, FieldPath path, FieldErrors errors)
    {
        if (value < 0) errors.Invalid(path, value, NotNegative);
    }

    public static void MustBePositive(long value, FieldPath path, FieldErrors errors)
    {
        if (value <= 0) errors.Invalid(path, value, Positive);
    }

    public static void InRange(long value, long low, long high, FieldPath path, FieldErrors errors)
    {
        if (value < low || value > high) errors.Invalid(path, value, Formats.Range(low, high));
    }

    /// <summary>User and group ids.</summary>
    public static void Id(long? value, FieldPath path, FieldErrors errors)
    {
        if (value is { } id) InRange(id, 0, int.MaxValue, path, errors);
    }
}
