namespace Bramble.Api.Cel;

/// <summary>Gives every part of an expression its type and every call its overloads, or reports why not. Behaviour and words of cel-go's checker.</summary>
internal sealed class CelChecker(CelSource source, CelEnvironment environment)
{
    private readonly CelTypeMatching _types = new();
    private readonly List<CelExpression> _seen = [];
    private Scope? _scope;

    private sealed record Scope(string Name, CelType Type, Scope? Outer);

    /// <returns>The type of the whole; meaningless when the source has issues.</returns>
    public CelType Check(CelExpression expression)
    {
        Visit(expression);
        foreach (var seen in _seen) seen.Type = _types.Substitute(seen.Type ?? CelType.Dyn, unknownToDyn: true);
        return expression.Type!;
    }

    private CelType Visit(CelExpression expression)
    {
        _seen.Add(expression);
        return expression.Type = expression switch
        {
            CelExpression.Literal literal => TypeOf(literal.Value),
            CelExpression.Name name => Name(name),
            CelExpression.Select select => Select(select),
            CelExpression.Call call => Call(call),
            CelExpression.ListOf list => List(list),
            CelExpression.MapOf map => Map(map),
            CelExpression.StructOf made => Struct(made),
            CelExpression.Fold fold => Fold(fold),
            _ => CelType.Error,
        };
    }

    private static CelType TypeOf(object? literal) => literal switch
    {
        null => CelType.Null,
        bool => CelType.Bool,
        long => CelType.Int,
        ulong => CelType.Uint,
        double => CelType.Double,
        string => CelType.String,
        _ => CelType.Bytes,
    };

    private CelType? FindName(string name)
    {
        name = name.TrimStart('.');
        for (var scope = _scope; scope is not null; scope = scope.Outer)
            if (scope.Name == name) return scope.Type;
        if (environment.Variable(name) is { } variable) return variable;
        if (environment.HasStruct(name)) return CelType.TypeOf(CelType.Struct(name));
        return CelDeclarations.NamedType(name) is { } type ? CelType.TypeOf(type) : null;
    }

    private CelType Name(CelExpression.Name name) => FindName(name.Text) ?? Undeclared(name.At, name.Text);

    private CelType Undeclared(int at, string name)
    {
        source.Report(at, $"undeclared reference to '{name}' (in container '')");
        return CelType.Error;
    }

    private static string? QualifiedName(CelExpression expression) => expression switch
    {
        CelExpression.Name name => name.Text,
        CelExpression.Select { IsTest: false } select => QualifiedName(select.Operand) is { } operand ? $"{operand}.{select.Field}" : null,
        _ => null,
    };

    private CelType Select(CelExpression.Select select)
    {
        if (QualifiedName(select) is { } name && FindName(name) is { } type)
        {
            select.QualifiedName = name;
            return type;
        }
        var field = FieldOf(select.At, select.Operand, select.Field, isOptional: false);
        return select.IsTest ? CelType.Bool : _types.Substitute(field, unknownToDyn: false);
    }

    private CelType FieldOf(int at, CelExpression operand, string field, bool isOptional)
    {
        var type = _types.Substitute(Visit(operand), unknownToDyn: false);
        var wasOptional = type.IsOptional;
        if (wasOptional) type = type.Parameters[0];
        CelType result;
        switch (type.Kind)
        {
            case CelKind.Map:
                result = type.Parameters[1];
                break;
            case CelKind.Struct:
                result = StructField(at, type.Name, field);
                break;
            case CelKind.TypeParameter:
                _types.TryAssign(CelType.Dyn, type);
                result = CelType.Dyn;
                break;
            default:
                if (!type.IsDynOrError) source.Report(at, $"type '{type}' does not support field selection");
                result = CelType.Dyn;
                break;
        }
        return wasOptional || isOptional ? CelType.Optional(result) : result;
    }

    private CelType StructField(int at, string type, string field)
    {
        if (environment.StructField(type, field) is { } found) return found;
        source.Report(at, $"undefined field '{field}'");
        return CelType.Error;
    }

    private CelType Call(CelExpression.Call call)
    {
        if (call.Function == "_?._") return _types.Substitute(FieldOf(call.At, call.Arguments[0], (string)((CelExpression.Literal)call.Arguments[1]).Value!, isOptional: true), unknownToDyn: false);
        foreach (var argument in call.Arguments) Visit(argument);
        if (call.Target is null)
        {
            var plain = call.Function.TrimStart('.');
            if (environment.Function(plain) is not { } function) return Undeclared(call.At, call.Function);
            call.Function = plain;
            return Resolve(call, function);
        }
        // sets.contains(a, b) is a function in a namespace, not a method of sets.
        if (QualifiedName(call.Target) is { } prefix && $"{prefix}.{call.Function}".TrimStart('.') is var whole && environment.Function(whole) is { } named)
        {
            (call.Function, call.Target) = (whole, null);
            return Resolve(call, named);
        }
        Visit(call.Target);
        return environment.Function(call.Function) is { } method ? Resolve(call, method) : Undeclared(call.At, call.Function);
    }

    private CelType Resolve(CelExpression.Call call, IReadOnlyList<CelOverload> overloads)
    {
        var isMethod = call.Target is not null;
        List<CelType> given = [.. isMethod ? [call.Target!.Type!] : (CelType[])[], .. call.Arguments.Select(a => a.Type!)];
        if (call.Function is "_&&_" or "_||_") return Logic(call, overloads[0]);
        CelType? result = null;
        List<string> fitting = [];
        foreach (var overload in overloads)
        {
            if (overload.IsMethod != isMethod || overload.Arguments.Count != given.Count) continue;
            var (arguments, type) = _types.Instance(overload);
            if (!_types.TryAssign(given, arguments)) continue;
            fitting.Add(overload.Id);
            var own = _types.Substitute(type, unknownToDyn: false);
            if (result is null) result = own;
            else if (result.Kind is not (CelKind.Dyn or CelKind.Any) && !own.Equals(result)) result = CelType.Dyn;
        }
        call.Overloads = fitting;
        if (result is not null) return result;
        var shown = given.Select(type => _types.Substitute(type, unknownToDyn: true)).ToList();
        var signature = isMethod ? $"{shown[0]}.({string.Join(", ", shown.Skip(1))})" : $"({string.Join(", ", shown)})";
        source.Report(call.At, $"found no matching overload for '{call.Function}' applied to '{signature}'");
        return CelType.Error;
    }

    private CelType Logic(CelExpression.Call call, CelOverload overload)
    {
        call.Overloads = [overload.Id];
        var isRight = true;
        foreach (var argument in call.Arguments)
            if (!_types.TryAssign(argument.Type!, CelType.Bool)) isRight = Mismatch(argument, CelType.Bool, argument.Type!);
        return isRight ? CelType.Bool : CelType.Error;
    }

    private bool Mismatch(CelExpression at, CelType expected, CelType found)
    {
        source.Report(at.At, $"expected type '{expected}' but found '{found}'");
        return false;
    }

    private CelType List(CelExpression.ListOf list)
    {
        CelType? element = null;
        foreach (var item in list.Items) element = Join(element, Unwrapped(item.Value, Visit(item.Value), item.IsOptional));
        return CelType.List(element ?? _types.Fresh());
    }

    private CelType Map(CelExpression.MapOf map)
    {
        CelType? key = null, value = null;
        foreach (var entry in map.Entries)
        {
            key = Join(key, Visit(entry.Key));
            value = Join(value, Unwrapped(entry.Value, Visit(entry.Value), entry.IsOptional));
        }
        return CelType.Map(key ?? _types.Fresh(), value ?? _types.Fresh());
    }

    private CelType Unwrapped(CelExpression at, CelType type, bool isOptional)
    {
        if (!isOptional) return type;
        if (type.IsOptional) return type.Parameters[0];
        if (type.Kind is not (CelKind.Dyn or CelKind.Any)) Mismatch(at, CelType.Optional(type), type);
        return type;
    }

    private CelType Join(CelType? before, CelType type)
    {
        if (before is null) return type;
        // What is not of one type is told later, and not of what is formatted (CelLiteralRules).
        return _types.TryAssign(before, type) ? CelTypeMatching.MostGeneral(before, type) : CelType.Dyn;
    }

    private CelType Struct(CelExpression.StructOf made)
    {
        if (FindName(made.TypeName) is not { } named) return Undeclared(made.At, made.TypeName);
        var type = CelType.Error;
        if (named.Kind != CelKind.Type) source.Report(made.At, $"'{named.Name}' is not a type");
        else if (named.Parameters is [{ Kind: CelKind.Struct } known]) type = known;
        else source.Report(made.At, $"'{(named.Parameters.Count > 0 ? named.Parameters[0].Name : "type")}' is not a message type");
        foreach (var field in made.Fields)
        {
            var value = Visit(field.Value);
            var wanted = type.Kind == CelKind.Struct ? StructField(field.At, type.Name, field.Name) : CelType.Error;
            value = Unwrapped(field.Value, value, field.IsOptional);
            if (!_types.TryAssign(wanted, value)) source.Report(field.At, $"expected type of field '{field.Name}' is '{wanted}' but provided type is '{value}'");
        }
        return type;
    }

    private CelType Fold(CelExpression.Fold fold)
    {
        Visit(fold.Range);
        var sum = Visit(fold.Start);
        var range = _types.Substitute(fold.Range.Type!, unknownToDyn: false);
        var outer = _scope;
        _scope = new Scope(fold.Accumulator, sum, _scope);
        CelType first, second;
        switch (range.Kind)
        {
            case CelKind.List:
                (first, second) = fold.Variable2 is null ? (range.Parameters[0], CelType.Error) : (CelType.Int, range.Parameters[0]);
                break;
            case CelKind.Map:
                (first, second) = (range.Parameters[0], range.Parameters[1]);
                break;
            case CelKind.Dyn or CelKind.Error or CelKind.TypeParameter:
                _types.TryAssign(CelType.Dyn, range);
                (first, second) = (CelType.Dyn, CelType.Dyn);
                break;
            default:
                source.Report(fold.Range.At, $"expression of type '{range}' cannot be range of a comprehension (must be list, map, or dynamic)");
                (first, second) = (CelType.Error, CelType.Error);
                break;
        }
        var loop = _scope;
        _scope = new Scope(fold.Variable, first, _scope);
        if (fold.Variable2 is { } name) _scope = new Scope(name, second, _scope);
        Demand(fold.Condition, CelType.Bool);
        Demand(fold.Step, sum);
        _scope = loop;
        var result = Visit(fold.Result);
        _scope = outer;
        return _types.Substitute(result, unknownToDyn: false);
    }

    private void Demand(CelExpression expression, CelType type)
    {
        var found = Visit(expression);
        if (!_types.TryAssign(type, found)) Mismatch(expression, type, found);
    }
}
