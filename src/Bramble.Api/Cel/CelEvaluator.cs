using System.Text.Json.Nodes;

namespace Bramble.Api.Cel;

/// <summary>Evaluates one expression once.</summary>
internal sealed class CelEvaluator(IReadOnlyDictionary<string, object?> variables)
{
    // Enough for every honest rule; a loop in a loop over a large list ends here.
    private const int StepsMax = 1_000_000;

    private readonly Dictionary<string, object?> _locals = new(StringComparer.Ordinal);
    private int _steps;

    public object? Evaluate(CelExpression expression)
    {
        if (++_steps > StepsMax) throw new CelException("operation cancelled: actual cost limit exceeded");
        switch (expression)
        {
            case CelExpression.Literal literal: return literal.Value;
            case CelExpression.Name name:
                if (_locals.TryGetValue(name.Text, out var local) || variables.TryGetValue(name.Text, out local)) return local is JsonNode node ? CelValues.Of(node) : local;
                throw new CelException($"undeclared reference to '{name.Text}' (in container '')");
            case CelExpression.Select select: return Select(select);
            case CelExpression.Index index: return Index(index);
            case CelExpression.Unary unary:
                return (unary.Operator, Evaluate(unary.Operand)) switch
                {
                    ('!', bool flag) => !flag,
                    ('-', long number) => -number,
                    ('-', double number) => -number,
                    _ => throw new CelException("no such overload"),
                };
            case CelExpression.Binary binary: return Binary(binary);
            case CelExpression.Conditional choice: return IsTrue(Evaluate(choice.Condition)) ? Evaluate(choice.Then) : Evaluate(choice.Else);
            case CelExpression.ListOf list: return list.Items.Select(Evaluate).ToList();
            case CelExpression.MapOf map: return map.Entries.ToDictionary(e => Evaluate(e.Key) as string ?? throw new CelException("unsupported key type"), e => Evaluate(e.Value), StringComparer.Ordinal);
            case CelExpression.Comprehension loop: return Loop(loop);
            case CelExpression.Call call:
                var arguments = call.Arguments.Select(Evaluate).ToArray();
                return call.Target is null ? CelFunctions.Call(call.Function, arguments) : CelFunctions.CallMethod(Evaluate(call.Target), call.Function, arguments);
            default: throw new InvalidOperationException(expression.GetType().Name);
        }
    }

    private object? Select(CelExpression.Select select)
    {
        var operand = Evaluate(select.Operand);
        var field = Unescaped(select.Field);
        if (operand is CelOptional optional)
            return optional.HasValue && CelValues.TryField(optional.Value, field, out var inner) ? new CelOptional(inner, true) : new CelOptional(null, false);
        var isThere = CelValues.TryField(operand, field, out var value);
        if (select.IsTest) return isThere;
        if (select.IsOptional) return new CelOptional(value, isThere);
        return isThere ? value : throw new CelException($"no such key: {field}");
    }

    /// <summary>Kubernetes' escapes of names that CEL keeps for itself: <c>__dot__</c>, <c>__namespace__</c>.</summary>
    private static string Unescaped(string name) => !name.Contains("__", StringComparison.Ordinal) ? name : name switch
    {
        "__true__" or "__false__" or "__null__" or "__in__" or "__as__" or "__break__" or "__const__" or "__continue__" or "__else__" or "__for__" or "__function__" or "__if__" or "__import__"
            or "__let__" or "__loop__" or "__package__" or "__namespace__" or "__return__" => name[2..^2],
        _ => name.Replace("__dot__", ".", StringComparison.Ordinal).Replace("__dash__", "-", StringComparison.Ordinal).Replace("__slash__", "/", StringComparison.Ordinal)
            .Replace("__underscores__", "__", StringComparison.Ordinal),
    };

    private object? Index(CelExpression.Index index)
    {
        var (operand, key) = (Evaluate(index.Operand), Evaluate(index.Key));
        if (operand is CelOptional optional)
        {
            if (!optional.HasValue) return optional;
            operand = optional.Value;
            index = index with { IsOptional = true };
        }
        object? value;
        bool isThere;
        if (CelValues.TryList(operand, out var list))
        {
            var at = key is long number ? number : key is double real && real == Math.Floor(real) ? (long)real : throw new CelException("no such overload");
            isThere = at >= 0 && at < list.Count;
            value = isThere ? list[(int)at] : null;
            if (!isThere && !index.IsOptional) throw new CelException($"index out of bounds: {at.ToString(System.Globalization.CultureInfo.InvariantCulture)}");
        }
        else
        {
            var name = key as string ?? throw new CelException("no such overload");
            isThere = CelValues.TryField(operand, name, out value);
            if (!isThere && !index.IsOptional) throw new CelException($"no such key: {name}");
        }
        return index.IsOptional ? new CelOptional(value, isThere) : value;
    }

    private object? Binary(CelExpression.Binary binary)
    {
        if (binary.Operator is "&&" or "||") return Logic(binary, binary.Operator == "||");
        var (left, right) = (Evaluate(binary.Left), Evaluate(binary.Right));
        return binary.Operator switch
        {
            "==" => CelValues.AreEqual(left, right),
            "!=" => !CelValues.AreEqual(left, right),
            "<" => CelValues.Compare(left, right) < 0,
            "<=" => CelValues.Compare(left, right) <= 0,
            ">" => CelValues.Compare(left, right) > 0,
            ">=" => CelValues.Compare(left, right) >= 0,
            "in" when CelValues.TryList(right, out var list) => list.Any(item => CelValues.AreEqual(item, left)),
            "in" => CelValues.TryField(right, left as string ?? throw new CelException("no such overload"), out _),
            _ => CelValues.Arithmetic(binary.Operator[0], left, right),
        };
    }

    /// <summary>Either side alone may decide, whatever became of the other.</summary>
    private bool Logic(CelExpression.Binary binary, bool deciding)
    {
        CelException? failed = null;
        foreach (var side in (ReadOnlySpan<CelExpression>)[binary.Left, binary.Right])
            try
            {
                if (IsTrue(Evaluate(side)) == deciding) return deciding;
            }
            catch (CelException e)
            {
                failed ??= e;
            }
        return failed is null ? !deciding : throw failed;
    }

    private object? Loop(CelExpression.Comprehension loop)
    {
        var range = Evaluate(loop.Range);
        if (!CelValues.TryList(range, out var items))
            items = CelValues.TryEntries(range, out var entries) ? [.. entries.Keys] : throw new CelException("no such overload");
        var hadOuter = _locals.TryGetValue(loop.Variable, out var outer);
        try
        {
            return loop.Macro switch
            {
                "all" => Decide(loop, items, deciding: false),
                "exists" => Decide(loop, items, deciding: true),
                "exists_one" or "existsOne" => items.Count(item => IsTrue(With(loop, item, loop.Body))) == 1,
                "filter" => items.Where(item => IsTrue(With(loop, item, loop.Body))).ToList(),
                _ => items.Where(item => loop.Condition is null || IsTrue(With(loop, item, loop.Condition))).Select(item => With(loop, item, loop.Body)).ToList(),
            };
        }
        finally
        {
            if (hadOuter) _locals[loop.Variable] = outer;
            else _locals.Remove(loop.Variable);
        }
    }

    private bool Decide(CelExpression.Comprehension loop, List<object?> items, bool deciding)
    {
        CelException? failed = null;
        foreach (var item in items)
            try
            {
                if (IsTrue(With(loop, item, loop.Body)) == deciding) return deciding;
            }
            catch (CelException e)
            {
                failed ??= e;
            }
        return failed is null ? !deciding : throw failed;
    }

    private object? With(CelExpression.Comprehension loop, object? item, CelExpression body)
    {
        _locals[loop.Variable] = item;
        return Evaluate(body);
    }

    private static bool IsTrue(object? value) => value is bool flag ? flag : throw new CelException("no such overload");
}
