namespace Bramble.Api.Cel;

/// <summary>At least and at most; sums and products stay at the largest number rather than overflow.</summary>
internal readonly record struct CelRange(ulong Min, ulong Max)
{
    public static readonly CelRange Unknown = new(0, ulong.MaxValue);

    public static CelRange Of(ulong exact) => new(exact, exact);

    public static CelRange operator +(CelRange a, CelRange b) => new(Add(a.Min, b.Min), Add(a.Max, b.Max));

    public static CelRange operator *(CelRange a, CelRange b) => new(Multiply(a.Min, b.Min), Multiply(a.Max, b.Max));

    public static CelRange operator *(CelRange a, double factor) => new(Multiply(a.Min, factor), Multiply(a.Max, factor));

    public CelRange Union(CelRange other) => new(Math.Min(Min, other.Min), Math.Max(Max, other.Max));

    private static ulong Add(ulong a, ulong b) => a > ulong.MaxValue - b ? ulong.MaxValue : a + b;

    private static ulong Multiply(ulong a, ulong b) => b != 0 && a > ulong.MaxValue / b ? ulong.MaxValue : a * b;

    private static ulong Multiply(ulong a, double factor)
    {
        var product = Math.Ceiling(a * factor);
        return product >= 18446744073709551616.0 ? ulong.MaxValue : (ulong)product;
    }
}

/// <summary>What an expression could cost at most, before there is any data: by the sizes its schema allows. Upstream admits or refuses definitions by these numbers, so they are upstream's.
/// Source: cel-go's checker/cost, apiserver/pkg/cel/library CostEstimator, cel-go's list and set extensions.</summary>
internal sealed class CelCostEstimator(CelDeclaration root)
{
    private const double Traversal = 0.1;
    private const double PatternCharacter = 0.25;
    private static readonly CelRange One = CelRange.Of(1);

    private readonly Dictionary<CelExpression, CelRange> _sizes = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<CelExpression, (bool IsList, CelRange Key, CelRange Value)> _entries = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<CelExpression, string[]> _paths = new(ReferenceEqualityComparer.Instance);
    private Local? _locals;

    private sealed record Local(string Name, string[] Path, CelRange? Size, (bool IsList, CelRange Key, CelRange Value)? Entries, Local? Outer);

    public CelRange Estimate(CelExpression expression)
    {
        switch (expression)
        {
            case CelExpression.Name name:
                _paths[expression] = FindLocal(name.Text)?.Path ?? [name.Text];
                return One;
            case CelExpression.Select { QualifiedName: not null }: return One;
            case CelExpression.Select select: return Select(select);
            case CelExpression.Call call: return Call(call);
            case CelExpression.ListOf list: return List(list);
            case CelExpression.MapOf map: return Map(map);
            case CelExpression.StructOf made: return made.Fields.Aggregate(CelRange.Of(40), (sum, field) => sum + Estimate(field.Value));
            case CelExpression.Fold { IsBinding: true } bind: return Bind(bind);
            case CelExpression.Fold fold: return Fold(fold);
            default: return default;
        }
    }

    private Local? FindLocal(string name)
    {
        for (var local = _locals; local is not null; local = local.Outer)
            if (local.Name == name) return local;
        return null;
    }

    private string[] PathOf(CelExpression expression)
    {
        if (expression is CelExpression.Name name && FindLocal(name.Text) is { } local) return local.Path;
        return _paths.GetValueOrDefault(expression, []);
    }

    private CelRange Select(CelExpression.Select select)
    {
        var cost = Estimate(select.Operand);
        if (select.IsTest) return cost;
        if (select.Operand.Type!.Kind is CelKind.Map or CelKind.Struct or CelKind.TypeParameter) cost += One;
        _paths[select] = [.. PathOf(select.Operand), select.Field];
        return cost;
    }

    private CelRange List(CelExpression.ListOf list)
    {
        var cost = CelRange.Of(10);
        CelRange? size = null;
        foreach (var item in list.Items)
        {
            cost += Estimate(item.Value);
            size = size?.Union(SizeOrUnknown(item.Value)) ?? SizeOrUnknown(item.Value);
        }
        _entries[list] = (true, One, size ?? default);
        return cost;
    }

    private CelRange Map(CelExpression.MapOf map)
    {
        var cost = CelRange.Of(30);
        CelRange? keys = null, values = null;
        foreach (var entry in map.Entries)
        {
            cost += Estimate(entry.Key) + Estimate(entry.Value);
            keys = keys?.Union(SizeOrUnknown(entry.Key)) ?? SizeOrUnknown(entry.Key);
            values = values?.Union(SizeOrUnknown(entry.Value)) ?? SizeOrUnknown(entry.Value);
        }
        _entries[map] = (false, keys ?? default, values ?? default);
        return cost;
    }

    private CelRange Bind(CelExpression.Fold bind)
    {
        var cost = Estimate(bind.Range) + Estimate(bind.Start);
        var outer = _locals;
        _locals = new Local(bind.Accumulator, PathOf(bind.Start), SizeOf(bind.Start), EntriesOf(bind.Start), outer);
        cost += Estimate(bind.Result);
        CopySizes(bind, bind.Result);
        _locals = outer;
        return cost;
    }

    private CelRange Fold(CelExpression.Fold fold)
    {
        var cost = Estimate(fold.Range) + Estimate(fold.Start);
        var outer = _locals;
        var sum = _locals = new Local(fold.Accumulator, PathOf(fold.Start), SizeOf(fold.Start), EntriesOf(fold.Start), outer);
        var (path, entries) = (PathOf(fold.Range), EntriesOf(fold.Range));
        var isList = entries?.IsList ?? fold.Range.Type!.Kind == CelKind.List;
        if (fold.Variable2 is { } second)
        {
            _locals = new Local(fold.Variable, [.. path, isList ? "@indices" : "@keys"], entries?.Key, null, _locals);
            _locals = new Local(second, [.. path, isList ? "@items" : "@values"], entries?.Value, null, _locals);
        }
        else _locals = new Local(fold.Variable, [.. path, isList ? "@items" : "@keys"], isList ? entries?.Value : entries?.Key, null, _locals);
        var step = Estimate(fold.Condition) + Estimate(fold.Step);
        var stepEntries = EntriesOf(fold.Step);
        _locals = sum;
        cost += Estimate(fold.Result);
        _locals = outer;
        var count = SizeOrUnknown(fold.Range);
        cost += count * step;
        switch (fold.Start)
        {
            case CelExpression.Literal:
                if (SizeOf(fold.Start) is { } size) _sizes[fold] = size;
                break;
            case CelExpression.ListOf or CelExpression.MapOf:
                _sizes[fold] = count;
                if (stepEntries is { } found) _entries[fold] = found;
                break;
        }
        return cost;
    }

    private CelRange Call(CelExpression.Call call)
    {
        if (call.Function == "dyn")
        {
            var inner = Estimate(call.Arguments[0]);
            CopySizes(call, call.Arguments[0]);
            return One + inner;
        }
        List<CelRange> costs = [.. call.Arguments.Select(Estimate)];
        if (call.Overloads.Count == 0) return default;
        var total = call.Target is null ? default : Estimate(call.Target);
        CelRange? function = null, result = null;
        foreach (var overload in call.Overloads)
        {
            var (cost, size) = Function(call, overload, costs);
            function = function?.Union(cost) ?? new CelRange(cost.Min, cost.Max);
            if (size is { } made) result = result?.Union(made) ?? made;
            switch (overload)
            {
                case "index_list" or "index_map":
                    result = EntriesOf(call.Arguments[0])?.Value;
                    _paths[call] = [.. PathOf(call.Arguments[0]), overload == "index_list" ? "@items" : "@values"];
                    break;
            }
            result ??= SizeOf(call);
        }
        if (result is { } known) _sizes[call] = known;
        return total + function!.Value;
    }

    private (CelRange Cost, CelRange? Size) Function(CelExpression.Call call, string overload, List<CelRange> costs)
    {
        var given = costs.Aggregate(default(CelRange), (sum, cost) => sum + cost);
        var (target, a) = (call.Target, call.Arguments);
        if (Extension(call.Function, overload, target, a) is { } extension) return (extension.Cost + given, extension.Size);
        if (Library(call, overload) is { } library) return (library.Cost + given, library.Size);
        switch (overload)
        {
            case "string_format": return (SizeOrUnknown(target!) * Traversal + given, null);
            case "string_to_bytes":
                var text = SizeOrUnknown(a[0]);
                return (text * Traversal + given, new CelRange(text.Min, unchecked(text.Max * 4)));
            case "bytes_to_string":
                var bytes = SizeOrUnknown(a[0]);
                return (bytes * Traversal + given, new CelRange(bytes.Min / 4, bytes.Max));
            case "strings_quote":
                var quoted = SizeOrUnknown(a[0]);
                return (quoted * Traversal + given, new CelRange(unchecked(quoted.Min + 2), unchecked(quoted.Max * 2 + 2)));
            case "starts_with_string" or "ends_with_string": return (SizeOrUnknown(a[0]) * Traversal + given, null);
            case "in_list": return (SizeOrUnknown(a[1]) * 1.0 + given, null);
            case "matches_string": return ((SizeOrUnknown(target!) + One) * Traversal * (SizeOrUnknown(a[0]) * PatternCharacter) + given, null);
            case "contains_string": return (SizeOrUnknown(target!) * Traversal * (SizeOrUnknown(a[0]) * Traversal) + given, null);
            case "logical_or" or "logical_and": return (new CelRange(costs[0].Min, (costs[0] + costs[1]).Max), null);
            case "conditional":
                if (EntriesOf(a[1]) is { } then && EntriesOf(a[2]) is { } otherwise) _entries[call] = (then.IsList, then.Key.Union(otherwise.Key), then.Value.Union(otherwise.Value));
                return (costs[0] + costs[1].Union(costs[2]), SizeOrUnknown(a[1]).Union(SizeOrUnknown(a[2])));
            case "add_string" or "add_bytes" or "add_list":
                var size = SizeOrUnknown(a[0]) + SizeOrUnknown(a[1]);
                if (EntriesOf(a[0]) is { } left && EntriesOf(a[1]) is { } right) _entries[call] = (left.IsList, left.Key.Union(right.Key), left.Value.Union(right.Value));
                return ((overload == "add_list" ? One : size * Traversal) + given, size);
            case "equals" or "not_equals" or "less_string" or "greater_string" or "less_equals_string" or "greater_equals_string" or "less_bytes" or "greater_bytes" or "less_equals_bytes" or "greater_equals_bytes":
                var smaller = Math.Min(SizeOrUnknown(a[0]).Max, SizeOrUnknown(a[1]).Max);
                return (new CelRange(smaller > 0 ? 1UL : 0, smaller) * Traversal + given, null);
            default: return (One + given, null);
        }
    }

    /// <summary>cel-go's extensions for lists and sets.</summary>
    private (CelRange Cost, CelRange? Size)? Extension(string function, string overload, CelExpression? target, IReadOnlyList<CelExpression> a)
    {
        (CelRange, CelRange?) Made(double factor, CelRange size) => (size * factor + One + CelRange.Of(10), size);
        static ulong Whole(CelExpression argument, ulong otherwise) => argument is CelExpression.Literal { Value: long number } ? (ulong)Math.Max(0, number) : otherwise;
        switch (function)
        {
            case "slice": return Made(1, CelRange.Of(unchecked(Whole(a[1], SizeOrUnknown(target!).Max) - Whole(a[0], 0))));
            case "lists.range": return Made(1, CelRange.Of(Whole(a[0], ulong.MaxValue)));
            case "reverse": return Made(1, SizeOrUnknown(target!));
            case "flatten": return Made(a.Count == 1 ? Whole(a[0], ulong.MaxValue) : 1, SizeOrUnknown(target!));
            case "distinct": return Made(2, SizeOrUnknown(target!) * SizeOrUnknown(target!));
            case "sort" or "@sortByAssociatedKeys":
                var keys = SizeOrUnknown(function == "sort" ? target! : a[0]);
                return Made(overload.Contains("_string_", StringComparison.Ordinal) || overload.Contains("_bytes_", StringComparison.Ordinal) ? 2 + Traversal : 2, keys * keys);
            case "sets.contains" or "sets.intersects": return (SizeOrUnknown(a[0]) * SizeOrUnknown(a[1]) + One, null);
            case "sets.equivalent": return (SizeOrUnknown(a[0]) * SizeOrUnknown(a[1]) * 2.0 + One, null);
            default: return null;
        }
    }

    /// <summary>Kubernetes' libraries.</summary>
    private (CelRange Cost, CelRange? Size)? Library(CelExpression.Call call, string overload)
    {
        var (target, a) = (call.Target, call.Arguments);
        switch (call.Function)
        {
            case "check": return (CelRange.Of(350_000), null);
            case "fieldSelector" or "labelSelector":
                var selector = SizeOrUnknown(a[0]);
                return (CelRange.Of(10) + selector * Traversal + selector * 0.5 * 50.0, null);
            case "isSorted" or "sum" or "max" or "min" or "indexOf" or "lastIndexOf":
                if (target!.Type!.Parameters.Count == 0) return (SizeOrUnknown(target) * Traversal, null);
                var each = One;
                if (target.Type.Parameters[0].Kind is CelKind.String or CelKind.Bytes) each += ElementSize(target) * Traversal;
                return (SizeOrUnknown(target) * each, null);
            case "url" or "jsonpatch.escapeKey": return (SizeOrUnknown(a[0]) * Traversal, SizeOrUnknown(a[0]));
            case "lowerAscii" or "upperAscii" or "substring" or "trim": return (SizeOrUnknown(target!) * Traversal, SizeOrUnknown(target!));
            case "replace": return (SizeOrUnknown(target!) * (2 * Traversal), Replaced(SizeOrUnknown(target!), SizeOrUnknown(a[0]), SizeOrUnknown(a[1])));
            case "split":
                var text = SizeOrUnknown(target!);
                return (text * (2 * Traversal), new CelRange(0, a.Count > 1 && a[1] is CelExpression.Literal { Value: long most } ? unchecked((ulong)most) : text.Max));
            case "join":
                var joined = SizeOrUnknown(target!) * ElementSize(target!);
                if (a.Count > 0)
                {
                    var items = SizeOrUnknown(target!);
                    joined += SizeOrUnknown(a[0]) * new CelRange(items.Min > 0 ? items.Min - 1 : 0, items.Max > 0 ? items.Max - 1 : 0);
                }
                return (joined * Traversal, joined);
            case "find" or "findAll":
                var searched = SizeOrUnknown(target!);
                return ((searched + One) * Traversal * (SizeOrUnknown(a[0]) * PatternCharacter), new CelRange(0, searched.Max));
            case "cidr" or "isIP" or "isCIDR" or "quantity" or "isQuantity" or "semver" or "isSemver": return (SizeOrUnknown(a[0]) * Traversal, null);
            case "ip": return (overload == "cidr_ip" ? One : SizeOrUnknown(a[0]) * Traversal, null);
            case "ip.isCanonical": return (SizeOrUnknown(a[0]) * (2 * Traversal), null);
            case "containsIP" or "containsCIDR":
                var address = new CelRange(4, 16);
                var cost = (address + address) * Traversal;
                if (call.Function == "containsCIDR") cost += address * Traversal + One;
                if (overload.EndsWith("_string", StringComparison.Ordinal)) cost += SizeOrUnknown(a[0]) * Traversal;
                return (cost, null);
            case "validate": return (SizeOrUnknown(a[0]) * Traversal * (128 * PatternCharacter), null);
            case "serviceAccount" or "path" or "group" or "resource" or "subresource" or "namespace" or "name" or "allowed" or "reason" or "error" or "errored"
                or "masked" or "prefixLength" or "family" or "isUnspecified" or "isLoopback" or "isLinkLocalMulticast" or "isLinkLocalUnicast" or "isGlobalUnicast" or "format.named"
                or "sign" or "asInteger" or "isInteger" or "asApproximateFloat" or "isGreaterThan" or "isLessThan" or "compareTo" or "add" or "sub" or "major" or "minor" or "patch"
                or "getScheme" or "getHostname" or "getHost" or "getPort" or "getEscapedPath" or "getQuery":
                return (One, null);
            case "_==_" when a[0].Type!.Equals(a[1].Type):
                return a[0].Type!.Name switch
                {
                    "kubernetes.NamedFormat" => (new CelRange(1, 64) * Traversal, null),
                    "kubernetes.URL" => (new CelRange(1, SizeOf(a[1])?.Max ?? 1) * Traversal, null),
                    "net.IP" or "net.CIDR" or "kubernetes.Quantity" or "kubernetes.Semver" => (One, null),
                    var name when name.StartsWith("kubernetes.authorization.", StringComparison.Ordinal) => (One, null),
                    _ => null,
                };
            default: return null;
        }
    }

    private static CelRange Replaced(CelRange text, CelRange old, CelRange with)
    {
        static ulong Next(ulong size) => size < ulong.MaxValue ? size + 1 : size;
        static ulong Parts(ulong size, ulong part) => (ulong)Math.Min(Math.Ceiling((double)size / part), 18446744073709549568.0);
        var (most, mostKept) = old.Min == 0 ? (Next(text.Max), text.Max) : with.Max <= old.Min ? (0UL, text.Max) : (Parts(text.Max, old.Min), 0UL);
        var (least, leastKept) = old.Max == 0 ? (Next(text.Min), text.Min) : old.Max <= with.Min ? (0UL, text.Min) : (Parts(text.Min, old.Max), 0UL);
        return new CelRange(least, most) * with + new CelRange(leastKept, mostKept);
    }

    private CelRange ElementSize(CelExpression list) => Declared([.. PathOf(list), "@items"], PathOf(list).Length > 0) ?? CelRange.Unknown;

    private CelRange SizeOrUnknown(CelExpression expression) => SizeOf(expression) ?? CelRange.Unknown;

    private CelRange? SizeOf(CelExpression expression)
    {
        if (_sizes.TryGetValue(expression, out var known)) return known;
        switch (expression)
        {
            case CelExpression.Literal literal: return CelRange.Of((ulong)CelValues.SizeOf(literal.Value));
            case CelExpression.ListOf list: return CelRange.Of((ulong)list.Items.Count);
            case CelExpression.MapOf map: return CelRange.Of((ulong)map.Entries.Count);
        }
        var path = PathOf(expression);
        if (Declared(path, path.Length > 0) is { } declared) return _sizes[expression] = declared;
        if (IsScalar(expression.Type!)) return One;
        return expression is CelExpression.Name name ? FindLocal(name.Text)?.Size : null;
    }

    private static bool IsScalar(CelType type) => type.Kind is CelKind.Bool or CelKind.Double or CelKind.Duration or CelKind.Int or CelKind.Timestamp or CelKind.Uint || type.IsOptional && IsScalar(type.Parameters[0]);

    /// <summary>What the schema says of the value at a path; the first step is the variable.</summary>
    private CelRange? Declared(string[] path, bool isKnown)
    {
        if (!isKnown || path[0] == CelMacros.Accumulator) return null;
        CelDeclaration? at = root;
        foreach (var step in path.AsSpan(1))
        {
            switch (step)
            {
                case "@items" or "@values":
                    at = at.Element;
                    break;
                case "@keys":
                    // Upstream counts the keys of custom resources as nothing.
                    if (at.Form != CelForm.Map) return null;
                    return new CelRange(0, (ulong)at.KeyMax);
                default:
                    // An attribute of a device, by a name that is no string.
                    if (at.Element?.Type.Kind == CelKind.Any) at = at.Element;
                    else at.TryField(step, out _, out at);
                    break;
            }
            if (at is null) return null;
        }
        return new CelRange(0, unchecked((ulong)at.ElementsMax));
    }

    private (bool IsList, CelRange Key, CelRange Value)? EntriesOf(CelExpression expression)
    {
        if (_entries.TryGetValue(expression, out var known)) return known;
        return expression is CelExpression.Name name ? FindLocal(name.Text)?.Entries : null;
    }

    private void CopySizes(CelExpression to, CelExpression from)
    {
        if (SizeOf(from) is { } size) _sizes[to] = size;
        if (EntriesOf(from) is { } entries) _entries[to] = entries;
    }
}
