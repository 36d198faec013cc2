namespace Bramble.Api.Cel;

/// <summary>CEL's operators on values. Numbers never overflow silently.</summary>
internal static class CelArithmetic
{
    private static readonly CelFault DivisionByZero = new("division by zero");
    private static readonly CelFault ModulusByZero = new("modulus by zero");

    public static object? Apply(string op, object? a, object? b)
    {
        try
        {
            return op switch
            {
                "_+_" => Add(a, b),
                "_-_" => Subtract(a, b),
                "_*_" => (a, b) switch
                {
                    (long x, long y) => checked(x * y),
                    (ulong x, ulong y) => checked(x * y),
                    (double x, double y) => x * y,
                    _ => Unfit(op, a),
                },
                "_/_" => (a, b) switch
                {
                    (long, 0L) or (ulong, 0UL) => DivisionByZero,
                    (long x, long y) => y == -1 ? checked(-x) : x / y,
                    (ulong x, ulong y) => x / y,
                    (double x, double y) => x / y,
                    _ => Unfit(op, a),
                },
                _ => (a, b) switch
                {
                    (long, 0L) or (ulong, 0UL) => ModulusByZero,
                    (long x, long y) => y == -1 ? 0L : x % y,
                    (ulong x, ulong y) => x % y,
                    _ => a is double ? new CelFault($"no such overload: {op}") : Unfit(op, a),
                },
            };
        }
        catch (OverflowException)
        {
            return a switch { ulong => CelFault.UintOverflow, CelDuration => CelConversions.DurationOverflow, CelTimestamp => CelConversions.TimestampOverflow, _ => CelFault.IntOverflow };
        }
    }

    private static object? Add(object? a, object? b) => (a, b) switch
    {
        (long x, long y) => checked(x + y),
        (ulong x, ulong y) => checked(x + y),
        (double x, double y) => x + y,
        (string x, string y) => x + y,
        (byte[] x, byte[] y) => (byte[])[.. x, .. y],
        (CelDuration x, CelDuration y) => new CelDuration(checked(x.Nanos + y.Nanos)),
        (CelDuration x, CelTimestamp y) => CelConversions.Bounded(y.Seconds, checked(y.Nanos + x.Nanos)),
        (CelTimestamp x, CelDuration y) => CelConversions.Bounded(x.Seconds, checked(x.Nanos + y.Nanos)),
        (IReadOnlyList<object?> x, IReadOnlyList<object?> y) => CelJsonList.Concat(x, y),
        _ => a is string or byte[] or CelDuration or CelTimestamp or IReadOnlyList<object?> ? CelFault.NoOverload : Unfit("_+_", a),
    };

    private static object? Subtract(object? a, object? b) => (a, b) switch
    {
        (long x, long y) => checked(x - y),
        (ulong x, ulong y) => checked(x - y),
        (double x, double y) => x - y,
        (CelDuration x, CelDuration y) => new CelDuration(checked(x.Nanos - y.Nanos)),
        (CelTimestamp x, CelDuration y) => CelConversions.Bounded(x.Seconds, checked(x.Nanos - y.Nanos)),
        (CelTimestamp x, CelTimestamp y) => new CelDuration(checked((x.Seconds - y.Seconds) * 1_000_000_000 + x.Nanos - y.Nanos)),
        _ => a is CelDuration or CelTimestamp ? CelFault.NoOverload : Unfit("_-_", a),
    };

    public static object? Negate(object? value) => value switch
    {
        long.MinValue => CelFault.IntOverflow,
        long number => -number,
        double number => -number,
        _ => new CelFault("no such overload: -_"),
    };

    /// <summary>A number that has another type beside it, or a value that has no such operator.</summary>
    private static CelFault Unfit(string op, object? a) => a is long or ulong or double ? CelFault.NoOverload : new CelFault($"no such overload: {op}");
}
