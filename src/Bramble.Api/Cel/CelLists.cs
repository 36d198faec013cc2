namespace Bramble.Api.Cel;

/// <summary>Functions of lists: cel-go's list and set extensions and Kubernetes' list library.</summary>
internal static class CelLists
{
    private const int MadeMax = 1_000_000;

    public static object? Call(string function, object?[] a) => (function, a) switch
    {
        ("isSorted", [IReadOnlyList<object?> list]) => IsSorted(list),
        ("sum", [IReadOnlyList<object?> list]) => list.Count == 0 ? 0L : list.Skip(1).Aggregate(list[0], (sum, item) => sum is CelFault ? sum : CelArithmetic.Apply("_+_", sum, item)),
        ("min" or "max", [IReadOnlyList<object?> list]) => Extreme(list, function),
        ("indexOf", [IReadOnlyList<object?> list, var item]) => (long)list.ToList().FindIndex(own => CelValues.AreEqual(own, item)),
        ("lastIndexOf", [IReadOnlyList<object?> list, var item]) => (long)list.ToList().FindLastIndex(own => CelValues.AreEqual(own, item)),
        ("slice", [IReadOnlyList<object?> list, long from, long to]) => Slice(list, from, to),
        ("flatten", [IReadOnlyList<object?> list]) => Flatten(list, 1),
        ("flatten", [IReadOnlyList<object?> list, long depth]) => depth < 0 ? new CelFault("level must be non-negative") : Flatten(list, depth),
        ("sort", [IReadOnlyList<object?> list]) => Sort(list, list),
        ("@sortByAssociatedKeys", [IReadOnlyList<object?> list, IReadOnlyList<object?> keys]) => Sort(list, keys),
        ("lists.range", [long count]) => count > MadeMax ? throw CelEvaluator.TooExpensive() : Enumerable.Range(0, (int)Math.Max(0, count)).Select(i => (object?)(long)i).ToList(),
        ("reverse", [IReadOnlyList<object?> list]) => list.Reverse().ToList(),
        ("distinct", [IReadOnlyList<object?> list]) => list.Aggregate(new List<object?>(), (seen, item) =>
        {
            if (!seen.Exists(own => CelValues.AreEqual(own, item))) seen.Add(item);
            return seen;
        }),
        ("first", [IReadOnlyList<object?> list]) => list.Count == 0 ? CelOptional.None : CelOptional.Of(list[0]),
        ("last", [IReadOnlyList<object?> list]) => list.Count == 0 ? CelOptional.None : CelOptional.Of(list[^1]),
        ("sets.contains", [IReadOnlyList<object?> list, IReadOnlyList<object?> part]) => Contains(list, part),
        ("sets.equivalent", [IReadOnlyList<object?> list, IReadOnlyList<object?> other]) => Contains(list, other) && Contains(other, list),
        ("sets.intersects", [IReadOnlyList<object?> list, IReadOnlyList<object?> other]) => other.Any(item => list.Any(own => CelValues.AreEqual(own, item))),
        ("optional.unwrap" or "unwrapOpt", [IReadOnlyList<object?> list]) => list.OfType<CelOptional>().Where(o => o.HasValue).Select(o => o.Value).ToList(),
        _ => null,
    };

    private static bool Contains(IReadOnlyList<object?> list, IReadOnlyList<object?> part) => part.All(item => list.Any(own => CelValues.AreEqual(own, item)));

    private static object IsSorted(IReadOnlyList<object?> list)
    {
        for (var i = 1; i < list.Count; i++)
            switch (CelValues.Compare(list[i - 1], list[i], "isSorted"))
            {
                case CelFault fault: return fault;
                case long and > 0: return false;
            }
        return true;
    }

    private static object? Extreme(IReadOnlyList<object?> list, string function)
    {
        if (list.Count == 0) return new CelFault($"{function} called on empty list");
        var found = list[0];
        foreach (var item in list.Skip(1))
        {
            if (CelValues.Compare(item, found, function) is not long order) return CelFault.NoOverload;
            if (function == "min" ? order < 0 : order > 0) found = item;
        }
        return found;
    }

    private static object Slice(IReadOnlyList<object?> list, long from, long to)
    {
        if (from < 0 || to < 0) return new CelFault($"cannot slice({from}, {to}), negative indexes not supported");
        if (from > to) return new CelFault($"cannot slice({from}, {to}), start index must be less than or equal to end index");
        if (list.Count < to) return new CelFault($"cannot slice({from}, {to}), list is length {list.Count}");
        return list.Skip((int)from).Take((int)(to - from)).ToList();
    }

    private static List<object?> Flatten(IReadOnlyList<object?> list, long depth) =>
        [.. list.SelectMany(item => item is IReadOnlyList<object?> inner && depth > 0 ? Flatten(inner, depth - 1) : [item])];

    private static object Sort(IReadOnlyList<object?> list, IReadOnlyList<object?> keys)
    {
        if (list.Count != keys.Count)
            return new CelFault($"@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got {list.Count} and {keys.Count} elements respectively");
        if (keys.Count == 0) return list;
        if (CelValues.Compare(keys[0], keys[0], "sort") is CelFault) return new CelFault("list elements must be comparable");
        if (keys.Any(key => CelValues.TypeName(key) != CelValues.TypeName(keys[0]))) return new CelFault("list elements must have the same type");
        return Enumerable.Range(0, list.Count).Order(Comparer<int>.Create((i, j) => CelValues.Compare(keys[i], keys[j], "sort") is long order ? Math.Sign(order) : 0)).Select(i => list[i]).ToList();
    }
}
