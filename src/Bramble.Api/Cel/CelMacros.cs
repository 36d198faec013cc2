namespace Bramble.Api.Cel;

/// <summary>The calls that are not calls: <c>has(a.b)</c>, <c>list.all(x, …)</c>… become loops over an accumulator, as upstream's do: types, costs and errors follow from the loop.</summary>
internal static class CelMacros
{
    /// <summary>No user can write this name.</summary>
    public const string Accumulator = "@result";

    private const string SortInput = "@__sortBy_input__";

    /// <param name="hasBind"><c>cel.bind(name, value, result)</c> is one too.</param>
    /// <param name="complaint">What is wrong with the arguments.</param>
    /// <returns>Null: it is no macro (or there is a complaint).</returns>
    public static CelExpression? Expand(int at, string function, CelExpression? target, IReadOnlyList<CelExpression> a, bool hasBind, out (int At, string Message)? complaint)
    {
        complaint = null;
        if (target is null)
        {
            if (function != "has" || a.Count != 1) return null;
            if (a[0] is CelExpression.Select { IsTest: false } select) return new CelExpression.Select(at, select.Operand, select.Field, isTest: true);
            complaint = (a[0].At, "invalid argument to has() macro");
            return null;
        }
        if (hasBind && function == "bind" && a.Count == 3 && target is CelExpression.Name { Text: "cel" })
        {
            if (a[0] is CelExpression.Name bound) return new Builder(at).Bind(bound.Text, a[1], a[2]);
            complaint = (a[0].At, "cel.bind() variable names must be simple identifiers");
            return null;
        }
        var (variables, unnamed) = (function, a.Count) switch
        {
            ("all" or "exists" or "exists_one" or "existsOne", 2) => (1, "argument must be a simple name"),
            ("all" or "exists" or "exists_one" or "existsOne", 3) => (2, "argument must be a simple name"),
            ("map", 2 or 3) or ("filter", 2) => (1, "argument is not an identifier"),
            ("transformList" or "transformMap" or "transformMapEntry", 3 or 4) => (2, "argument must be a simple name"),
            ("optMap" or "optFlatMap", 2) => (1, $"{function}() variable name must be a simple identifier"),
            ("sortBy", 2) => (1, "argument is not an identifier"),
            _ => (0, ""),
        };
        if (variables == 0) return null;
        if (function == "sortBy" && target is not (CelExpression.ListOf or CelExpression.Select or CelExpression.Name or CelExpression.Fold or CelExpression.Call))
        {
            complaint = (target.At, "sortBy can only be applied to a list, identifier, comprehension, call or select expression");
            return null;
        }
        var names = new string[variables];
        for (var i = 0; i < variables; i++)
        {
            if (a[i] is not CelExpression.Name { Text: var name })
            {
                complaint = (a[i].At, unnamed);
                return null;
            }
            names[i] = name;
        }
        if (variables == 2 && names[0] == names[1]) complaint = (a[1].At, $"duplicate variable name: {names[0]}");
        else if (Array.IndexOf(names, "__result__") is >= 0 and var own && !function.StartsWith("opt", StringComparison.Ordinal)) complaint = (a[own].At, "iteration variable overwrites accumulator variable");
        return complaint is null ? Build(new Builder(at), function, target, names, [.. a.Skip(variables)], a[0]) : null;
    }

    private static CelExpression Build(Builder make, string function, CelExpression target, string[] names, CelExpression[] rest, CelExpression first)
    {
        var filter = rest.Length == 2 ? rest[0] : null;
        switch (function)
        {
            case "all":
                return make.Loop(target, names, make.Literal(true), make.Call("@not_strictly_false", make.Sum()), make.Call("_&&_", make.Sum(), rest[0]));
            case "exists":
                return make.Loop(target, names, make.Literal(false), make.Call("@not_strictly_false", make.Call("!_", make.Sum())), make.Call("_||_", make.Sum(), rest[0]));
            case "exists_one" or "existsOne":
                var counted = make.Call("_?_:_", rest[0], make.Call("_+_", make.Sum(), make.Literal(1L)), make.Sum());
                return make.Loop(target, names, make.Literal(0L), make.Literal(true), counted, make.Call("_==_", make.Sum(), make.Literal(1L)));
            case "filter":
                return make.Loop(target, names, make.List(), make.Literal(true), make.Call("_?_:_", rest[0], make.Call("_+_", make.Sum(), make.List(first)), make.Sum()));
            case "map" or "transformList":
                return make.Loop(target, names, make.List(), make.Literal(true), make.If(filter, make.Call("_+_", make.Sum(), make.List(rest[^1]))));
            case "transformMap":
                return make.Loop(target, names, make.Map(), make.Literal(true), make.If(filter, make.Call("cel.@mapInsert", make.Sum(), make.Name(names[0]), rest[^1])));
            case "transformMapEntry":
                return make.Loop(target, names, make.Map(), make.Literal(true), make.If(filter, make.Call("cel.@mapInsert", make.Sum(), rest[^1])));
            case "sortBy":
                var keys = make.Loop(make.Name(SortInput), names, make.List(), make.Literal(true), make.Call("_+_", make.Sum(), make.List(rest[0])));
                return make.Bind(SortInput, target, make.Method(make.Name(SortInput), "@sortByAssociatedKeys", keys));
            default:
                var bound = make.Bind(names[0], make.Method(target, "value"), rest[0]);
                return make.Call("_?_:_", make.Method(target, "hasValue"), function == "optMap" ? make.Call("optional.of", bound) : bound, make.Call("optional.none"));
        }
    }

    /// <summary>Expressions whose errors point at the macro.</summary>
    private readonly struct Builder(int at)
    {
        public CelExpression.Literal Literal(object value) => new(at, value);

        public CelExpression.Name Name(string name) => new(at, name);

        public CelExpression.Name Sum() => new(at, Accumulator);

        public CelExpression.ListOf List(params CelExpression[] items) => new(at, [.. items.Select(i => new CelExpression.Item(i, false))]);

        public CelExpression.MapOf Map() => new(at, []);

        public CelExpression.Call Call(string function, params CelExpression[] arguments) => new(at, function, null, arguments);

        public CelExpression.Call Method(CelExpression target, string function, params CelExpression[] arguments) => new(at, function, target, arguments);

        public CelExpression If(CelExpression? filter, CelExpression step) => filter is null ? step : Call("_?_:_", filter, step, Sum());

        public CelExpression.Fold Loop(CelExpression range, string[] names, CelExpression start, CelExpression condition, CelExpression step, CelExpression? result = null) => new(at)
        {
            Range = range,
            Variable = names[0],
            Variable2 = names.Length == 2 ? names[1] : null,
            Accumulator = Accumulator,
            Start = start,
            Condition = condition,
            Step = step,
            Result = result ?? Sum(),
        };

        public CelExpression.Fold Bind(string name, CelExpression value, CelExpression result) => new(at)
        {
            Range = List(),
            Variable = "#unused",
            Accumulator = name,
            Start = value,
            Condition = Literal(false),
            Step = Name(name),
            Result = result,
        };
    }
}
