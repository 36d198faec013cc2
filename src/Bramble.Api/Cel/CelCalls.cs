namespace Bramble.Api.Cel;

/// <summary>Calls the functions that are not part of the language itself. Which library a function is in follows from its name and what it is given.</summary>
internal static class CelCalls
{
    private delegate object? Library(string function, object?[] arguments);

    private static readonly Library[] Libraries = [Standard, CelTexts.Call, CelLists.Call, CelTimes.Call, CelNetworks.Call, CelVersions.Call, CelAuthorizer.Call];

    /// <param name="a">A method's target first. None of them is a fault.</param>
    /// <returns>A value or a fault.</returns>
    public static object? Call(string function, object?[] a)
    {
        foreach (var library in Libraries)
            if (library(function, a) is { } result) return result is CelNull ? null : result;
        return function is "size" or "_[_]" ? new CelFault($"no such overload: {function}") : new CelFault($"no such overload: {function}({string.Join(", ", a.Select(CelValues.TypeName))})");
    }

    /// <summary>Null as the result of a call; a null says that the function is not of that library.</summary>
    private sealed class CelNull
    {
        public static readonly CelNull Value = new();
    }

    private static object? Standard(string function, object?[] a) => (function, a) switch
    {
        ("size", [string or byte[] or CelMap or IReadOnlyList<object?>]) => CelValues.SizeOf(a[0]),
        ("type", [var value]) => CelValues.TypeOf(value),
        ("dyn", [var value]) => value ?? CelNull.Value,
        ("bool" or "bytes" or "double" or "duration" or "int" or "string" or "timestamp" or "uint", [var value]) => CelConversions.Convert(function, value),
        ("optional.of", [var value]) => CelOptional.Of(value),
        ("optional.ofNonZeroValue", [var value]) => IsZero(value) ? CelOptional.None : CelOptional.Of(value),
        ("optional.none", []) => CelOptional.None,
        ("hasValue", [CelOptional optional]) => optional.HasValue,
        ("value", [CelOptional optional]) => optional.HasValue ? optional.Value ?? CelNull.Value : new CelFault("optional.none() dereference"),
        ("cel.@mapInsert", [CelMap map, var key, var value]) => Insert(map, key, value),
        ("cel.@mapInsert", [CelMap map, CelMap more]) => more.Keys.Aggregate((object)map, (made, key) => made is CelMap own && more.TryGet(key, out var value) ? Insert(own, key, value) : made),
        ("format.named", [string name]) => CelNamedFormat.IsKnown(name) ? CelOptional.Of(new CelNamedFormat(name)) : CelOptional.None,
        ("validate", [CelNamedFormat format, string text]) => format.Validate(text) is { Count: > 0 } complaints ? CelOptional.Of(complaints.ToList<object?>()) : CelOptional.None,
        _ => function.StartsWith("format.", StringComparison.Ordinal) && a.Length == 0 ? new CelNamedFormat(function["format.".Length..]) : null,
    };

    private static object Insert(CelMap map, object? key, object? value)
    {
        // The map is the loop's own: nobody else sees it change.
        var own = map as CelEntries ?? map.Keys.Aggregate(new CelEntries(), (copy, k) =>
        {
            map.TryGet(k, out var v);
            copy.Set(k, v);
            return copy;
        });
        return own.TryAdd(key, value) ? own : new CelFault($"insert failed: key {CelValues.Show(key)} already exists");
    }

    private static bool IsZero(object? value) => value switch
    {
        null or false or 0L or 0UL or 0.0 or "" => true,
        byte[] { Length: 0 } or CelMap { Count: 0 } or IReadOnlyList<object?> { Count: 0 } or CelOptional { HasValue: false } => true,
        CelDuration { Nanos: 0 } or CelTimestamp { Seconds: -62135596800, Nanos: 0 } => true, // the first of January of the year 1
        _ => false,
    };
}
