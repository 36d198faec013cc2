using Bramble.Api.Quantities;

namespace Bramble.Api.Cel;

/// <summary>What a call has cost. Source: apiserver/pkg/cel/library CostEstimator.CallCost, cel-go's interpreter/runtimecost and its extensions.</summary>
internal static class CelCallCost
{
    /// <summary>Upstream's price of looking at one character, and of one character of a pattern.</summary>
    private const double Traversal = 0.1;
    private const double PatternCharacter = 0.25;

    public static long Of(string function, IReadOnlyList<string> overloads, object?[] a, object? result)
    {
        switch (function)
        {
            case "check": return 350_000;
            case "fieldSelector" or "labelSelector":
                var length = Size(a[1]);
                return 10 + Ceiling(length * Traversal) + Ceiling(Ceiling(length * 0.5) * 50.0);
            case "indexOf" or "lastIndexOf" or "isSorted" or "sum" or "max" or "min": return Walk(a[0]);
            case "url" or "lowerAscii" or "upperAscii" or "substring" or "trim" or "jsonpatch.escapeKey" or "cidr" or "isIP" or "isCIDR" or "quantity" or "isQuantity" or "semver" or "isSemver":
                return Ceiling(Size(a[0]) * Traversal);
            case "ip": return a[0] is string text ? Ceiling(Size(text) * Traversal) : 1;
            case "replace" or "split" or "ip.isCanonical": return Ceiling(Size(a[0]) * 2 * Traversal);
            case "join": return Ceiling(Size(result) * 2 * Traversal);
            case "find" or "findAll" or "matches": return Ceiling((1.0 + Size(a[0])) * Traversal) * Ceiling(Size(a[1]) * PatternCharacter);
            case "containsIP": return Ceiling(2 * Size(a[0]) * Traversal) + (a[1] is string ? Ceiling(Size(a[1]) * Traversal) : 0);
            case "containsCIDR": return Ceiling(2 * Size(a[0]) * Traversal) + Ceiling(Size(a[0]) * Traversal) + 1 + (a[1] is string ? Ceiling(Size(a[1]) * Traversal) : 0);
            case "validate" when a[0] is CelNamedFormat format: return Ceiling((1.0 + Size(a[1])) * Traversal) * Ceiling(format.PatternSize * PatternCharacter);
            case "startsWith" or "endsWith" or "strings.quote" or "format": return Ceiling(Size(a[0]) * Traversal);
            case "bytes" or "string" when a[0] is string or byte[] && overloads is ["string_to_bytes"] or ["bytes_to_string"]: return Ceiling(Size(a[0]) * Traversal);
            case "contains": return Ceiling(Size(a[0]) * Traversal) * Ceiling(Size(a[1]) * Traversal);
            case "@in": return a[1] is IReadOnlyList<object?> list ? list.Count : 1;
            case "_==_" when a[0] is Quantity or ICelLibraryValue: return 1;
            case "_==_" or "_!=_" or "_<_" or "_<=_" or "_>_" or "_>=_" when function is "_==_" or "_!=_" || a[0] is string or byte[]:
                return Ceiling(Math.Min(Size(a[0]), Size(a[1])) * Traversal);
            case "_+_" when a[0] is string or byte[]: return Ceiling((Size(a[0]) + Size(a[1])) * Traversal);
            case "slice" or "lists.range" or "reverse": return 11 + Size(result);
            case "flatten": return 11 + (long)(Size(a[0]) * (a.Length == 2 && a[1] is long depth ? (double)depth : 1.0));
            case "distinct" or "sort" or "@sortByAssociatedKeys":
                var sorted = function[0] == '@' ? a[1] : a[0];
                var factor = sorted is IReadOnlyList<object?> { Count: > 0 } keys && keys[0] is (string or byte[]) ? 2 + Traversal : 2.0;
                return 11 + (long)((double)Size(sorted) * Size(sorted) * factor);
            case "sets.contains" or "sets.intersects": return 1 + Size(a[0]) * Size(a[1]);
            case "sets.equivalent": return 1 + 2 * Size(a[0]) * Size(a[1]);
            default: return 1;
        }
    }

    private static long Size(object? value) => CelValues.SizeOf(value);

    private static long Ceiling(double cost) => (long)Math.Ceiling(cost);

    private static long Walk(object? value) => value switch
    {
        string text => (long)(System.Text.Encoding.UTF8.GetByteCount(text) * Traversal),
        byte[] bytes => (long)(bytes.Length * Traversal),
        IReadOnlyList<object?> list => list.Sum(Walk),
        CelMap map => map.Keys.Sum(key => Walk(key) + (map.TryGet(key, out var member) ? Walk(member) : 0)),
        _ => 1,
    };
}
