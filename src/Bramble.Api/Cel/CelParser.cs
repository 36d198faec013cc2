using System.Globalization;

namespace Bramble.Api.Cel;

/// <summary>Reads CEL by the published grammar. A text that does not fit is looked at again by <see cref="CelSyntaxCheck"/>, which says what is wrong in the words of the
/// parser generator that upstream uses.</summary>
internal sealed class CelParser
{
    private const int DepthMax = 250;
    private const int TextMax = 100_000;

    private static readonly HashSet<string> Reserved = new(StringComparer.Ordinal)
    {
        "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop", "package", "namespace", "null", "return", "true", "var", "void", "while",
    };

    private readonly CelSource _source;
    private readonly List<CelLexeme> _tokens;
    private int _at;
    private int _depth;

    private readonly bool _hasBind;

    private CelParser(CelSource source, List<CelLexeme> tokens, bool hasBind) => (_source, _tokens, _hasBind) = (source, tokens, hasBind);

    /// <param name="hasBind"><c>cel.bind</c> is known.</param>
    /// <returns>Null: the source has issues.</returns>
    public static CelExpression? Parse(CelSource source, bool hasBind)
    {
        if (source.Points.Length > TextMax)
        {
            source.ReportWhole($"expression code point size exceeds limit: size: {source.Points.Length}, limit {TextMax}");
            return null;
        }
        var tokens = CelLexer.Scan(source);
        if (source.HasIssues)
        {
            CelSyntaxCheck.Report(source, tokens);
            return null;
        }
        try
        {
            var parser = new CelParser(source, tokens, hasBind);
            var whole = parser.Expression();
            if (parser.Kind != CelToken.End) throw new UnfitException();
            return source.HasIssues ? null : whole;
        }
        catch (UnfitException)
        {
            // The general check knows how the published parser would put it; what the reader here found on the way is part of it.
            CelSyntaxCheck.Report(source, tokens);
            return null;
        }
        catch (TooDeepException e)
        {
            source.ReportWhole(e.Message);
            return null;
        }
    }

    private CelToken Kind => _tokens[_at].Kind;

    private CelLexeme Take() => _tokens[_at++];

    private CelLexeme Need(CelToken kind) => Kind == kind ? Take() : throw new UnfitException();

    private string Text(CelLexeme token) => _source.Slice(token.Start, token.End);

    private CelExpression Expression()
    {
        if (++_depth > DepthMax) throw new TooDeepException($"expression recursion limit exceeded: {DepthMax}");
        var condition = Logic(CelToken.Or, "_||_");
        if (Kind == CelToken.Question)
        {
            var at = Take().Start;
            var then = Logic(CelToken.Or, "_||_");
            Need(CelToken.Colon);
            condition = Call(at, "_?_:_", condition, then, Expression());
        }
        _depth--;
        return condition;
    }

    /// <summary>Terms of one operator become a balanced tree, so that long rules are not deep ones.</summary>
    private CelExpression Logic(CelToken symbol, string function)
    {
        var first = symbol == CelToken.Or ? Logic(CelToken.And, "_&&_") : Relation();
        if (Kind != symbol) return first;
        List<CelExpression> terms = [first];
        List<int> operators = [];
        while (Kind == symbol)
        {
            operators.Add(Take().Start);
            terms.Add(symbol == CelToken.Or ? Logic(CelToken.And, "_&&_") : Relation());
        }
        return Balanced(0, operators.Count - 1);

        CelExpression Balanced(int low, int high)
        {
            var middle = (low + high + 1) / 2;
            return Call(operators[middle], function, middle == low ? terms[middle] : Balanced(low, middle - 1), middle == high ? terms[middle + 1] : Balanced(middle + 1, high));
        }
    }

    private CelExpression Relation()
    {
        var left = Sum();
        for (var length = 0; Kind is >= CelToken.Equal and <= CelToken.Greater; length++)
        {
            BoundChain(length);
            var symbol = Take();
            left = Call(symbol.Start, symbol.Kind == CelToken.In ? "@in" : $"_{Text(symbol)}_", left, Sum());
        }
        return left;
    }

    private CelExpression Sum()
    {
        var left = Product();
        for (var length = 0; Kind is CelToken.Plus or CelToken.Minus; length++)
        {
            BoundChain(length);
            var symbol = Take();
            left = Call(symbol.Start, symbol.Kind == CelToken.Plus ? "_+_" : "_-_", left, Product());
        }
        return left;
    }

    private CelExpression Product()
    {
        var left = Unary();
        for (var length = 0; Kind is CelToken.Star or CelToken.Slash or CelToken.Percent; length++)
        {
            BoundChain(length);
            var symbol = Take();
            left = Call(symbol.Start, $"_{Text(symbol)}_", left, Unary());
        }
        return left;
    }

    private CelExpression Unary()
    {
        // One minus before a number is the number's sign.
        var isSign = Kind == CelToken.Minus && _tokens[_at + 1].Kind is CelToken.Int or CelToken.Float;
        if (Kind is not (CelToken.Not or CelToken.Minus) || isSign) return Member();
        var symbol = _tokens[_at];
        var count = 0;
        for (; Kind == symbol.Kind; count++) Take();
        var operand = Member();
        return count % 2 == 0 ? operand : Call(symbol.Start, symbol.Kind == CelToken.Not ? "!_" : "-_", operand);
    }

    private CelExpression Member()
    {
        var start = _tokens[_at].Start;
        var operand = Primary();
        for (var length = 0; Kind is CelToken.Dot or CelToken.LeftBracket; length++)
        {
            BoundChain(length);
            operand = Kind == CelToken.Dot ? Dotted(operand, start) : Indexed(operand);
        }
        return operand;
    }

    private CelExpression Indexed(CelExpression operand)
    {
        var at = Take().Start;
        var isOptional = TakeIf(CelToken.Question);
        var index = Expression();
        Need(CelToken.RightBracket);
        return Call(at, isOptional ? "_[?_]" : "_[_]", operand, index);
    }

    private CelExpression Dotted(CelExpression operand, int start)
    {
        var at = Take().Start;
        var isOptional = TakeIf(CelToken.Question);
        if (Kind == CelToken.EscapedIdentifier)
        {
            Take();
            return Broken(start, "unsupported syntax: '`'");
        }
        var name = Need(CelToken.Identifier);
        if (isOptional) return new CelExpression.Call(at, "_?._", null, [operand, new CelExpression.Literal(name.Start, Text(name))]);
        if (Kind != CelToken.LeftParenthesis) return new CelExpression.Select(at, operand, Text(name));
        var open = Take().Start;
        return CallOrMacro(open, Text(name), operand, Arguments());
    }

    private List<CelExpression> Arguments()
    {
        List<CelExpression> arguments = [];
        if (Kind != CelToken.RightParenthesis)
            do arguments.Add(Expression());
            while (TakeIf(CelToken.Comma));
        Need(CelToken.RightParenthesis);
        return arguments;
    }

    private CelExpression Primary()
    {
        var token = _tokens[_at];
        switch (token.Kind)
        {
            case CelToken.LeftParenthesis:
                Take();
                var inner = Expression();
                Need(CelToken.RightParenthesis);
                return inner;
            case CelToken.LeftBracket:
                Take();
                List<CelExpression.Item> items = [];
                while (Kind is not (CelToken.RightBracket or CelToken.Comma))
                {
                    var isOptional = TakeIf(CelToken.Question);
                    items.Add(new CelExpression.Item(Expression(), isOptional));
                    if (Kind != CelToken.Comma || _tokens[_at + 1].Kind == CelToken.RightBracket) break;
                    Take();
                }
                TakeIf(CelToken.Comma);
                Need(CelToken.RightBracket);
                return new CelExpression.ListOf(token.Start, items);
            case CelToken.LeftBrace:
                Take();
                List<CelExpression.Entry> entries = [];
                while (Kind is not (CelToken.RightBrace or CelToken.Comma))
                {
                    var isOptional = TakeIf(CelToken.Question);
                    var key = Expression();
                    var colon = Need(CelToken.Colon).Start;
                    entries.Add(new CelExpression.Entry(colon, key, Expression(), isOptional));
                    if (Kind != CelToken.Comma || _tokens[_at + 1].Kind == CelToken.RightBrace) break;
                    Take();
                }
                TakeIf(CelToken.Comma);
                Need(CelToken.RightBrace);
                return new CelExpression.MapOf(token.Start, entries);
            case CelToken.Dot or CelToken.Identifier:
                return Named();
            default:
                return Literal();
        }
    }

    /// <summary>A variable, a function's call, or a struct with its fields.</summary>
    private CelExpression Named()
    {
        var start = _tokens[_at].Start;
        var dot = TakeIf(CelToken.Dot) ? "." : "";
        var behind = _at;
        while (_tokens[behind].Kind == CelToken.Identifier && _tokens[behind + 1].Kind == CelToken.Dot) behind += 2;
        if (_tokens[behind].Kind == CelToken.Identifier && _tokens[behind + 1].Kind == CelToken.LeftBrace) return Struct(dot);
        var name = Need(CelToken.Identifier);
        var text = Text(name);
        if (Kind == CelToken.LeftParenthesis)
        {
            var open = Take().Start;
            var arguments = Arguments();
            return Reserved.Contains(text) ? Broken(start, $"reserved identifier: {text}") : CallOrMacro(open, dot + text, null, arguments);
        }
        return Reserved.Contains(text) ? Broken(start, $"reserved identifier: {text}") : new CelExpression.Name(name.Start, dot + text);
    }

    private CelExpression.StructOf Struct(string dot)
    {
        var name = dot + Text(Need(CelToken.Identifier));
        while (TakeIf(CelToken.Dot)) name += "." + Text(Need(CelToken.Identifier));
        var open = Need(CelToken.LeftBrace).Start;
        List<CelExpression.FieldValue> fields = [];
        while (Kind is not (CelToken.RightBrace or CelToken.Comma))
        {
            var isOptional = TakeIf(CelToken.Question);
            if (Kind == CelToken.EscapedIdentifier) Broken(Take().Start, "unsupported syntax: '`'");
            var field = Text(_tokens[_at - 1].Kind == CelToken.EscapedIdentifier ? _tokens[_at - 1] : Need(CelToken.Identifier));
            var colon = Need(CelToken.Colon).Start;
            fields.Add(new CelExpression.FieldValue(colon, field, Expression(), isOptional));
            if (Kind != CelToken.Comma || _tokens[_at + 1].Kind == CelToken.RightBrace) break;
            Take();
        }
        TakeIf(CelToken.Comma);
        Need(CelToken.RightBrace);
        return new CelExpression.StructOf(open, name, fields);
    }

    private CelExpression Literal()
    {
        var start = _tokens[_at].Start;
        var isNegative = Kind == CelToken.Minus && _tokens[_at + 1].Kind is CelToken.Int or CelToken.Float && TakeIf(CelToken.Minus);
        var token = _tokens[_at];
        var text = Text(token);
        switch (token.Kind)
        {
            case CelToken.True or CelToken.False:
                Take();
                return new CelExpression.Literal(start, token.Kind == CelToken.True);
            case CelToken.Null:
                Take();
                return new CelExpression.Literal(start, null);
            case CelToken.Int:
                Take();
                if (Whole(text, out var magnitude) && magnitude <= (isNegative ? 1UL << 63 : long.MaxValue)) return new CelExpression.Literal(start, isNegative ? unchecked(-(long)magnitude) : (long)magnitude);
                return Broken(start, "invalid int literal");
            case CelToken.Uint:
                Take();
                return Whole(text[..^1], out var whole) ? new CelExpression.Literal(start, whole) : Broken(start, "invalid uint literal");
            case CelToken.Float:
                Take();
                var number = double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
                return double.IsInfinity(number) ? Broken(start, "invalid double literal") : new CelExpression.Literal(start, isNegative ? -number : number);
            case CelToken.String:
                Take();
                return CelQuoted.Unescape(text, isBytes: false, out var complaint) is { } value ? new CelExpression.Literal(start, System.Text.Encoding.UTF8.GetString(value)) : Broken(start, complaint);
            case CelToken.Bytes:
                Take();
                return CelQuoted.Unescape(text[1..], isBytes: true, out var wrong) is { } bytes ? new CelExpression.Literal(start, bytes) : Broken(start, wrong);
            default:
                throw new UnfitException();
        }
    }

    private static bool Whole(string text, out ulong value) => text.StartsWith("0x", StringComparison.Ordinal)
        ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
        : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private CelExpression CallOrMacro(int at, string function, CelExpression? target, IReadOnlyList<CelExpression> arguments)
    {
        var expanded = CelMacros.Expand(at, function, target, arguments, _hasBind, out var complaint);
        if (complaint is { } wrong) return Broken(wrong.At, wrong.Message);
        return expanded ?? new CelExpression.Call(at, function, target, arguments);
    }

    private static CelExpression.Call Call(int at, string function, params CelExpression[] arguments) => new(at, function, null, arguments);

    private CelExpression.Broken Broken(int at, string message)
    {
        _source.Report(at, message);
        return new CelExpression.Broken(at);
    }

    private bool TakeIf(CelToken kind)
    {
        if (Kind != kind) return false;
        _at++;
        return true;
    }

    private void BoundChain(int length)
    {
        if (_depth + length >= DepthMax) throw new TooDeepException("max recursion depth exceeded");
    }

    private sealed class UnfitException : Exception;

    private sealed class TooDeepException(string message) : Exception(message);
}
