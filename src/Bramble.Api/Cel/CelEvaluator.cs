namespace Bramble.Api.Cel;

/// <summary>Evaluates one expression once, and counts what it costs: an honest rule costs little, and a hostile one ends.</summary>
internal sealed class CelEvaluator(IReadOnlyDictionary<string, object?> variables, long costMax)
{
    private Local? _locals;

    private sealed class Local(string name, object? value, Local? outer)
    {
        public string Name => name;
        public object? Value { get; set; } = value;
        public Local? Outer => outer;
    }

    public long Cost { get; private set; }

    public static CelException TooExpensive() => new("operation cancelled: actual cost limit exceeded");

    /// <returns>A value, or a <see cref="CelFault"/>.</returns>
    public object? Evaluate(CelExpression expression)
    {
        switch (expression)
        {
            case CelExpression.Literal literal: return literal.Value;
            case CelExpression.Name name:
                Charge(1);
                return Find(name.Text);
            case CelExpression.Select { QualifiedName: { } qualified }:
                Charge(1);
                return Find(qualified);
            case CelExpression.Select select: return Select(select);
            case CelExpression.Call call: return Call(call);
            case CelExpression.ListOf list: return List(list);
            case CelExpression.MapOf map: return Map(map);
            case CelExpression.StructOf made: return Struct(made);
            case CelExpression.Fold fold: return Fold(fold);
            default: throw new InvalidOperationException(expression.GetType().Name);
        }
    }

    private void Charge(long cost)
    {
        Cost += cost;
        if (Cost > costMax) throw TooExpensive();
    }

    private object? Find(string name)
    {
        if (name.StartsWith('.')) name = name[1..];
        for (var local = _locals; local is not null; local = local.Outer)
            if (local.Name == name) return local.Value;
        if (variables.TryGetValue(name, out var value)) return CelValues.Of(value);
        return CelDeclarations.NamedType(name) is { } type ? type : new CelFault($"no such attribute(s): {name}");
    }

    private object? Select(CelExpression.Select select)
    {
        var operand = Evaluate(select.Operand);
        if (operand is CelFault) return operand;
        if (!select.IsTest) Charge(1);
        if (operand is CelOptional optional)
        {
            if (!optional.HasValue) return select.IsTest ? false : optional;
            var isIn = TryField(optional.Value, select.Field, out var inner);
            return select.IsTest ? isIn : isIn ? inner is CelFault ? inner : CelOptional.Of(inner) : CelOptional.None;
        }
        var isThere = TryField(operand, select.Field, out var value);
        if (select.IsTest) return value is CelFault fault ? fault : isThere;
        return isThere ? value : new CelFault($"no such key: {select.Field}");
    }

    private static bool TryField(object? operand, string field, out object? value)
    {
        value = null;
        return operand is CelMap map && map.TryGet(field, out value);
    }

    private object? Call(CelExpression.Call call)
    {
        switch (call.Function)
        {
            case "_&&_": return Logic(call, deciding: false);
            case "_||_": return Logic(call, deciding: true);
            case "_?_:_":
                var condition = Evaluate(call.Arguments[0]);
                return condition switch { true => Evaluate(call.Arguments[1]), false => Evaluate(call.Arguments[2]), CelFault => condition, _ => CelFault.NoOverload };
            case "@not_strictly_false":
                Charge(1);
                return Evaluate(call.Arguments[0]) is not false;
            case "or" or "orValue" when call.Target is not null && call.Arguments.Count == 1:
                var first = Evaluate(call.Target);
                if (first is not CelOptional optional) return first is CelFault ? first : CelFault.NoOverload;
                return optional.HasValue ? call.Function == "or" ? optional : optional.Value : Evaluate(call.Arguments[0]);
            case "_?._": return Optional(Evaluate(call.Arguments[0]), ((CelExpression.Literal)call.Arguments[1]).Value);
            case "_[?_]":
                var indexed = Evaluate(call.Arguments[0]);
                if (indexed is CelFault) return indexed;
                var index = Evaluate(call.Arguments[1]);
                return index is CelFault ? index : Optional(indexed, index);
            // The accumulator of a loop is nobody else's: it grows in place.
            case "_+_" when call.Arguments is [CelExpression.Name { Text: CelMacros.Accumulator } sum, CelExpression.ListOf { Items: [var item] }] && Find(sum.Text) is List<object?> grown:
                var added = Evaluate(item.Value);
                if (added is CelFault) return added;
                Charge(12);
                grown.Add(added);
                return grown;
        }
        return Function(call);
    }

    private object? Function(CelExpression.Call call)
    {
        var offset = call.Target is null ? 0 : 1;
        var arguments = new object?[call.Arguments.Count + offset];
        for (var i = 0; i < arguments.Length; i++)
        {
            arguments[i] = Evaluate(i < offset ? call.Target! : call.Arguments[i - offset]);
            if (arguments[i] is CelFault) return arguments[i];
        }
        if (call.Function == "_[_]")
        {
            Charge(1);
            return Index(arguments[0], arguments[1]);
        }
        var result = Apply(call.Function, arguments);
        Charge(CelCallCost.Of(call.Function, call.Overloads, arguments, result));
        return result;
    }

    private static object? Apply(string function, object?[] a)
    {
        switch (function)
        {
            case "!_": return a[0] is bool flag ? !flag : CelFault.NoOverload;
            case "-_": return CelArithmetic.Negate(a[0]);
            case "_==_": return CelValues.AreEqual(a[0], a[1]);
            case "_!=_": return !CelValues.AreEqual(a[0], a[1]);
            case "_<_" or "_<=_" or "_>_" or "_>=_":
                var order = CelValues.Compare(a[0], a[1], function);
                return order is not long sign ? order : function switch { "_<_" => sign < 0, "_<=_" => sign <= 0, "_>_" => sign > 0, _ => sign >= 0 };
            case "_+_" or "_-_" or "_*_" or "_/_" or "_%_": return CelArithmetic.Apply(function, a[0], a[1]);
            case "@in":
                return a[1] switch
                {
                    IReadOnlyList<object?> list => list.Any(item => CelValues.AreEqual(item, a[0])),
                    CelMap map => map.Contains(a[0]),
                    _ => CelFault.NoOverload,
                };
            default: return CelCalls.Call(function, a);
        }
    }

    private static object? Index(object? operand, object? key)
    {
        if (operand is CelOptional optional)
        {
            if (!optional.HasValue) return optional;
            var inner = Lookup(optional.Value, key, out var isIn);
            return isIn ? CelOptional.Of(inner) : inner is CelFault { Message: not null } fault && !IsMissing(fault) ? fault : CelOptional.None;
        }
        return Lookup(operand, key, out _);
    }

    private object? Optional(object? operand, object? key)
    {
        if (operand is CelFault) return operand;
        Charge(1);
        if (operand is CelOptional optional)
        {
            if (!optional.HasValue) return optional;
            operand = optional.Value;
        }
        var value = Lookup(operand, key, out var isThere);
        if (isThere) return value is CelFault ? value : CelOptional.Of(value);
        return value is CelFault fault && !IsMissing(fault) ? fault : CelOptional.None;
    }

    private static bool IsMissing(CelFault fault) => fault.Message.StartsWith("no such key", StringComparison.Ordinal) || fault.Message.StartsWith("index out of bounds", StringComparison.Ordinal);

    private static object? Lookup(object? operand, object? key, out bool isThere)
    {
        isThere = false;
        object? value;
        switch (operand)
        {
            case IReadOnlyList<object?> list:
                long at;
                switch (key)
                {
                    case long whole: at = whole; break;
                    case ulong whole when whole <= long.MaxValue: at = (long)whole; break;
                    case double number when number == Math.Floor(number) && Math.Abs(number) < 9.2e18: at = (long)number; break;
                    case ulong or double: return new CelFault($"unsupported index value {CelValues.Show(key)} in list");
                    default: return new CelFault($"unsupported index type '{CelValues.TypeName(key)}' in list");
                }
                isThere = at >= 0 && at < list.Count;
                return isThere ? list[(int)at] : new CelFault($"index out of bounds: {CelValues.Show(at)}");
            case CelMap map:
                isThere = map.TryGet(key, out value);
                return isThere ? value : new CelFault($"no such key: {CelValues.Show(key)}");
            default:
                return new CelFault($"no such key: {CelValues.Show(key)}");
        }
    }

    /// <summary>Either side alone may decide, whatever became of the other.</summary>
    private object? Logic(CelExpression.Call call, bool deciding)
    {
        CelFault? failed = null;
        foreach (var side in call.Arguments)
            switch (Evaluate(side))
            {
                case bool flag:
                    if (flag == deciding) return deciding;
                    break;
                case CelFault fault:
                    failed ??= fault;
                    break;
                default:
                    failed ??= CelFault.NoOverload;
                    break;
            }
        return failed is null ? !deciding : failed;
    }

    private object? List(CelExpression.ListOf list)
    {
        var items = new List<object?>(list.Items.Count);
        var isConstant = true;
        foreach (var item in list.Items)
        {
            isConstant &= item.Value is CelExpression.Literal;
            var value = Evaluate(item.Value);
            if (value is CelFault) return value;
            if (item.IsOptional)
            {
                if (value is not CelOptional optional) return new CelFault($"cannot initialize optional list element from non-optional value {CelValues.Show(value)}");
                if (!optional.HasValue) continue;
                value = optional.Value;
            }
            items.Add(value);
        }
        if (!isConstant) Charge(10);
        return items;
    }

    private object? Map(CelExpression.MapOf map)
    {
        var entries = new CelEntries();
        foreach (var entry in map.Entries)
        {
            var key = Evaluate(entry.Key);
            if (key is CelFault) return key;
            var value = Evaluate(entry.Value);
            if (value is CelFault) return value;
            if (!Unwrap(entry.IsOptional, CelValues.Show(key), ref value, out var fault)) continue;
            if (fault is not null) return fault;
            if (key is not (string or long or ulong or bool or double)) return new CelFault($"unsupported key type: {CelValues.TypeName(key)}");
            entries.Set(key, value);
        }
        Charge(30);
        return entries;
    }

    /// <returns>False: an optional entry that is not there.</returns>
    private static bool Unwrap(bool isOptional, string field, ref object? value, out CelFault? fault)
    {
        fault = null;
        if (!isOptional) return true;
        if (value is not CelOptional optional) fault = new CelFault($"cannot initialize optional entry '{field}' from non-optional value {CelValues.Show(value)}");
        else if (!optional.HasValue) return false;
        else value = optional.Value;
        return true;
    }

    private object? Struct(CelExpression.StructOf made)
    {
        var fields = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var field in made.Fields)
        {
            var value = Evaluate(field.Value);
            if (value is CelFault) return value;
            if (!Unwrap(field.IsOptional, field.Name, ref value, out var fault)) continue;
            if (fault is not null) return fault;
            fields[field.Name] = value;
        }
        Charge(40);
        return new CelStruct(made.TypeName.TrimStart('.'), fields);
    }

    private object? Fold(CelExpression.Fold fold)
    {
        var outer = _locals;
        try
        {
            if (fold.IsBinding)
            {
                var value = Evaluate(fold.Start);
                if (value is CelFault) return value;
                _locals = new Local(fold.Accumulator, value, outer);
                return Evaluate(fold.Result);
            }
            var range = Evaluate(fold.Range);
            if (range is CelFault) return range;
            var sum = new Local(fold.Accumulator, fold.Start is CelExpression.ListOf ? new List<object?>() : Evaluate(fold.Start), outer);
            var first = new Local(fold.Variable, null, sum);
            var second = fold.Variable2 is { } name ? new Local(name, null, first) : null;
            _locals = second ?? first;
            switch (range)
            {
                case CelMap map:
                    foreach (var key in map.Keys.ToList())
                    {
                        first.Value = key;
                        if (second is not null)
                        {
                            map.TryGet(key, out var member);
                            second.Value = member;
                        }
                        if (!Step(fold, sum)) break;
                    }
                    break;
                case IReadOnlyList<object?> list:
                    for (var i = 0; i < list.Count; i++)
                    {
                        first.Value = second is null ? list[i] : (long)i;
                        if (second is not null) second.Value = list[i];
                        if (!Step(fold, sum)) break;
                    }
                    break;
                default:
                    return new CelFault($"got '{GoName(range)}', expected iterable type");
            }
            _locals = sum;
            return Evaluate(fold.Result);
        }
        finally
        {
            _locals = outer;
        }
    }

    private bool Step(CelExpression.Fold fold, Local sum)
    {
        if (Evaluate(fold.Condition) is false) return false;
        sum.Value = Evaluate(fold.Step);
        return true;
    }

    private static string GoName(object? value) => value switch
    {
        null => "types.Null",
        bool => "types.Bool",
        long => "types.Int",
        ulong => "types.Uint",
        double => "types.Double",
        string => "types.String",
        byte[] => "types.Bytes",
        CelDuration => "types.Duration",
        CelTimestamp => "types.Timestamp",
        CelOptional => "*types.Optional",
        _ => "*types.Type",
    };
}
