using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Quantities;

namespace Bramble.Api.Cel;

/// <summary>An expression could not be evaluated; the message is CEL's.</summary>
public sealed class CelException(string message) : Exception(message);

/// <summary>A value that may not be there.</summary>
public sealed record CelOptional(object? Value, bool HasValue)
{
    public static readonly CelOptional None = new(null, false);

    public static CelOptional Of(object? value) => new(value, true);
}

/// <summary>A failed evaluation as a value: <c>||</c> and its like may do without it.</summary>
internal sealed record CelFault(string Message)
{
    public static readonly CelFault NoOverload = new("no such overload");
    public static readonly CelFault IntOverflow = new("integer overflow");
    public static readonly CelFault UintOverflow = new("unsigned integer overflow");
}

/// <summary>Go's time.Duration.</summary>
internal readonly record struct CelDuration(long Nanos);

/// <summary>A point in time: seconds since 1970 and nanoseconds, UTC.</summary>
internal readonly record struct CelTimestamp(long Seconds, int Nanos);

/// <summary>A map, whatever it is made of. Keys are strings, numbers or booleans.</summary>
internal abstract class CelMap
{
    public abstract int Count { get; }
    public abstract IEnumerable<object?> Keys { get; }

    public abstract bool TryGet(object? key, out object? value);

    /// <summary>What <c>in</c> says.</summary>
    public virtual bool Contains(object? key) => TryGet(key, out _);
}

/// <summary>A map whose values are made when asked for (a policy's variables, a device). Values are as variables are: JSON, dictionaries, maps like this one.</summary>
public interface ICelMap
{
    /// <summary>What it can be iterated by; a map that has a value for every key names those that are really there.</summary>
    IReadOnlyCollection<string> Keys => [];

    bool TryGet(string key, out object? value);

    bool Contains(string key) => TryGet(key, out _);
}

internal sealed class CelLazyMap(ICelMap map) : CelMap
{
    public override int Count => map.Keys.Count;
    public override IEnumerable<object?> Keys => map.Keys;

    public override bool Contains(object? key) => key is string name && map.Contains(name);

    public override bool TryGet(object? key, out object? value)
    {
        value = null;
        try
        {
            if (key is not string name || !map.TryGet(name, out value)) return false;
            value = CelValues.Of(value);
            return true;
        }
        catch (CelException e)
        {
            // A variable without a value is a fault of whoever names it.
            value = new CelFault(e.Message);
            return true;
        }
    }
}

/// <summary>A map that the program made, keys by name.</summary>
internal sealed class CelNamedMap(IReadOnlyDictionary<string, object?> entries) : CelMap
{
    public override int Count => entries.Count;
    public override IEnumerable<object?> Keys => entries.Keys;

    public override bool TryGet(object? key, out object? value)
    {
        value = null;
        if (key is not string name || !entries.TryGetValue(name, out value)) return false;
        value = CelValues.Of(value);
        return true;
    }
}

/// <summary>A map that the expression made. Numbers of different types that are the same number are the same key.</summary>
internal sealed class CelEntries : CelMap
{
    private readonly Dictionary<object, (object? Key, object? Value)> _entries = [];
    private static readonly object NullKey = new();

    public override int Count => _entries.Count;
    public override IEnumerable<object?> Keys => _entries.Values.Select(e => e.Key);

    public bool TryAdd(object? key, object? value) => _entries.TryAdd(Normal(key), (key, value));

    public void Set(object? key, object? value) => _entries[Normal(key)] = (key, value);

    public override bool TryGet(object? key, out object? value)
    {
        var isThere = _entries.TryGetValue(Normal(key), out var entry);
        value = entry.Value;
        return isThere;
    }

    private static object Normal(object? key) => key switch
    {
        null => NullKey,
        ulong number when number <= long.MaxValue => (long)number,
        double number when number == Math.Floor(number) && Math.Abs(number) < 9.2e18 => (long)number,
        _ => key,
    };
}

/// <summary>A struct that the expression made: <c>JSONPatch{…}</c>, <c>Object.spec{…}</c>.</summary>
internal sealed class CelStruct(string type, IReadOnlyDictionary<string, object?> fields) : CelMap
{
    public string Type => type;
    public IReadOnlyDictionary<string, object?> Fields => fields;
    public override int Count => fields.Count;
    public override IEnumerable<object?> Keys => fields.Keys;

    public override bool TryGet(object? key, out object? value)
    {
        value = null;
        return key is string name && fields.TryGetValue(name, out value);
    }
}

/// <summary>CEL's values: null, bool, long, ulong, double, string, byte[], durations, timestamps, types, optionals; lists are read-only lists, maps are <see cref="CelMap"/>; the rest are of Kubernetes' libraries.</summary>
internal static class CelValues
{
    /// <summary>A variable as CEL sees it.</summary>
    public static object? Of(object? value) => value switch
    {
        JsonNode node => CelJson.Of(node, null),
        ICelMap map => new CelLazyMap(map),
        IReadOnlyDictionary<string, object?> entries => new CelNamedMap(entries),
        CelOptional { HasValue: true } optional => optional with { Value = Of(optional.Value) },
        _ => value,
    };

    /// <summary>The name of a value's type at run time.</summary>
    public static CelType TypeOf(object? value) => value switch
    {
        null => CelType.Null,
        bool => CelType.Bool,
        long => CelType.Int,
        ulong => CelType.Uint,
        double => CelType.Double,
        string => CelType.String,
        byte[] => CelType.Bytes,
        CelDuration => CelType.Duration,
        CelTimestamp => CelType.Timestamp,
        CelType => CelType.AnyType,
        CelOptional => CelType.Opaque("optional_type"),
        CelStruct made => CelType.Struct(made.Type),
        CelJsonMap { Declaration.IsObject: true } map => map.Declaration.Type,
        CelMap => CelType.Opaque("map"),
        IReadOnlyList<object?> => CelType.Opaque("list"),
        Quantity => CelDeclarations.LibraryType("Quantity"),
        ICelLibraryValue own => CelDeclarations.LibraryType(own.LibraryType),
        _ => CelType.Dyn,
    };

    public static string TypeName(object? value) => TypeOf(value).Name;

    public static bool AreEqual(object? a, object? b)
    {
        switch (a, b)
        {
            case (null, null): return true;
            case (null, _) or (_, null): return false;
            case (CelType x, CelType y): return x.Name == y.Name;
            case (byte[] x, byte[] y): return x.AsSpan().SequenceEqual(y);
            case (CelOptional x, CelOptional y): return x.HasValue == y.HasValue && (!x.HasValue || AreEqual(x.Value, y.Value));
            case (CelJsonMap { Declaration.IsObject: true } x, CelJsonMap { Declaration.IsObject: true } y): return CelJsonMap.AreEqual(x, y);
            case (CelMap x, CelMap y): return AreEqual(x, y);
            case (IReadOnlyList<object?> x, IReadOnlyList<object?> y): return CelJsonList.AreEqual(x, y);
        }
        return IsNumber(a) && IsNumber(b) ? CompareNumbers(a, b) == 0 : a.Equals(b);
    }

    private static bool AreEqual(CelMap a, CelMap b)
    {
        if (a.Count != b.Count || a is CelStruct x && b is CelStruct y && x.Type != y.Type) return false;
        foreach (var key in a.Keys)
            if (!a.TryGet(key, out var own) || !b.TryGet(key, out var other) || !AreEqual(own, other)) return false;
        return true;
    }

    private static bool IsNumber(object? value) => value is long or ulong or double;

    /// <returns>Null: one is NaN.</returns>
    private static int? CompareNumbers(object? a, object? b) => (a, b) switch
    {
        (long x, long y) => x.CompareTo(y),
        (ulong x, ulong y) => x.CompareTo(y),
        (long x, ulong y) => x < 0 ? -1 : ((ulong)x).CompareTo(y),
        (ulong x, long y) => y < 0 ? 1 : x.CompareTo((ulong)y),
        (double x, double y) => double.IsNaN(x) || double.IsNaN(y) ? null : x.CompareTo(y),
        (double x, _) => double.IsNaN(x) ? null : CompareWhole(x, b),
        (_, double y) => double.IsNaN(y) ? null : -CompareWhole(y, a),
        _ => null,
    };

    private static int CompareWhole(double number, object? whole) => whole switch
    {
        long y => number < long.MinValue ? -1 : number >= 9223372036854775808.0 ? 1 : Rounded(((decimal)Math.Floor(number)).CompareTo(y), number),
        ulong y => number < 0 ? -1 : number >= 18446744073709551616.0 ? 1 : Rounded(((decimal)Math.Floor(number)).CompareTo(y), number),
        _ => 0,
    };

    private static int Rounded(int order, double number) => order == 0 && number != Math.Floor(number) ? 1 : order;

    /// <returns>A long below, at or above 0; or a fault.</returns>
    public static object Compare(object? a, object? b, string function)
    {
        if (IsNumber(a) && IsNumber(b)) return CompareNumbers(a, b) is { } order ? (long)order : new CelFault("NaN values cannot be ordered");
        return (a, b) switch
        {
            (string x, string y) => (long)CompareText(x, y),
            (bool x, bool y) => (long)x.CompareTo(y),
            (byte[] x, byte[] y) => (long)x.AsSpan().SequenceCompareTo(y),
            (CelDuration x, CelDuration y) => (long)x.Nanos.CompareTo(y.Nanos),
            (CelTimestamp x, CelTimestamp y) => x.Seconds != y.Seconds ? (long)x.Seconds.CompareTo(y.Seconds) : x.Nanos.CompareTo(y.Nanos),
            _ => IsNumber(a) || a is string or bool or byte[] or CelDuration or CelTimestamp ? CelFault.NoOverload : new CelFault($"no such overload: {function}"),
        };
    }

    /// <summary>As Go compares texts: by code points.</summary>
    private static int CompareText(string a, string b)
    {
        var i = a.AsSpan().CommonPrefixLength(b);
        if (i == a.Length || i == b.Length) return a.Length.CompareTo(b.Length);
        // Surrogates stand for code points above all others.
        if (char.IsSurrogate(a[i]) != char.IsSurrogate(b[i])) return char.IsSurrogate(a[i]) ? 1 : -1;
        return a[i].CompareTo(b[i]);
    }

    /// <summary>Code points of a text, bytes, items or entries; what has no size counts as 1.</summary>
    public static long SizeOf(object? value) => value switch
    {
        string text => Length(text),
        byte[] bytes => bytes.Length,
        CelMap map => map.Count,
        IReadOnlyList<object?> list => list.Count,
        CelOptional { HasValue: true } optional => SizeOf(optional.Value),
        ICelLibraryValue own => own.Size,
        _ => 1,
    };

    public static int Length(string text)
    {
        var pairs = 0;
        for (var i = 0; i + 1 < text.Length; i++)
            if (char.IsSurrogatePair(text[i], text[i + 1])) pairs++;
        return text.Length - pairs;
    }

    /// <summary>A value as messages show it: Go's <c>%v</c>.</summary>
    public static string Show(object? value) => value switch
    {
        null => "null",
        string text => text,
        bool flag => flag ? "true" : "false",
        byte[] bytes => Encoding.UTF8.GetString(bytes),
        CelMap map => $"{{{string.Join(", ", map.Keys.Select(k => $"{Show(k)}: {(map.TryGet(k, out var v) ? Show(v) : "")}"))}}}",
        IReadOnlyList<object?> list => $"[{string.Join(", ", list.Select(Show))}]",
        CelType type => type.Name,
        _ => CelConversions.ToText(value) is string text ? text : value.ToString() ?? "",
    };
}

/// <summary>A value of one of Kubernetes' libraries. <c>LibraryType</c>: its short name among the declarations. <c>Size</c>: what it counts in costs.</summary>
internal interface ICelLibraryValue
{
    string LibraryType { get; }
    long Size => 1;
}
