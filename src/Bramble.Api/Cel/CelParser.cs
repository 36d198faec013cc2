using System.Globalization;
using System.Text;

namespace Bramble.Api.Cel;

/// <summary>The text is no CEL, or uses a function this server does not have.</summary>
public sealed class CelSyntaxException(string message) : Exception(message);

/// <summary>Recursive descent over the text of one expression; grammar of the CEL specification without messages.</summary>
internal sealed class CelParser
{
    // Deeper ones are nobody's: the stack is bounded.
    private const int DepthMax = 100;

    private readonly string _text;
    private readonly List<(string Kind, string Text, object? Value)> _tokens = [];
    private int _at;
    private int _depth;

    private CelParser(string text) => _text = text;

    public static CelExpression Parse(string text)
    {
        var parser = new CelParser(text);
        parser.Scan();
        var expression = parser.Conditional();
        if (parser.Kind != "end") throw parser.Unexpected();
        return expression;
    }

    private string Kind => _tokens[_at].Kind;

    private CelSyntaxException Unexpected() => new(Kind == "end" ? "Syntax error: mismatched input '<EOF>'" : $"Syntax error: unexpected '{_tokens[_at].Text}'");

    private bool Take(string kind)
    {
        if (Kind != kind) return false;
        _at++;
        return true;
    }

    private void Need(string kind)
    {
        if (!Take(kind)) throw Unexpected();
    }

    private CelExpression Conditional()
    {
        if (++_depth > DepthMax) throw new CelSyntaxException("expression recursion limit exceeded");
        var condition = Binary(0);
        if (Take("?"))
        {
            var then = Conditional();
            Need(":");
            condition = new CelExpression.Conditional(condition, then, Conditional());
        }
        _depth--;
        return condition;
    }

    private static readonly string[][] Levels = [["||"], ["&&"], ["==", "!=", "<", "<=", ">", ">=", "in"], ["+", "-"], ["*", "/", "%"]];

    private CelExpression Binary(int level)
    {
        if (level == Levels.Length) return Unary();
        var left = Binary(level + 1);
        while (Levels[level].Contains(Kind))
        {
            var op = _tokens[_at++].Text;
            left = new CelExpression.Binary(op, left, Binary(level + 1));
        }
        return left;
    }

    private CelExpression Unary()
    {
        if (++_depth > DepthMax) throw new CelSyntaxException("expression recursion limit exceeded");
        CelExpression result;
        if (Take("!")) result = new CelExpression.Unary('!', Unary());
        else if (Take("-")) result = new CelExpression.Unary('-', Unary());
        else result = Member();
        _depth--;
        return result;
    }

    private CelExpression Member()
    {
        var operand = Primary();
        while (true)
        {
            if (Take("."))
            {
                var isOptional = Take("?");
                var name = Identifier();
                operand = !isOptional && Take("(") ? Method(operand, name, Arguments(")")) : new CelExpression.Select(operand, name, IsOptional: isOptional);
            }
            else if (Take("["))
            {
                var isOptional = Take("?");
                operand = new CelExpression.Index(operand, Conditional(), isOptional);
                Need("]");
            }
            else return operand;
        }
    }

    private string Identifier()
    {
        if (Kind is not ("name" or "in")) throw Unexpected();
        return _tokens[_at++].Text;
    }

    private List<CelExpression> Arguments(string close)
    {
        var arguments = new List<CelExpression>();
        while (!Take(close))
        {
            arguments.Add(Conditional());
            if (!Take(",") && Kind != close) throw Unexpected();
        }
        return arguments;
    }

    private static CelExpression Method(CelExpression target, string name, List<CelExpression> arguments) => (name, arguments) switch
    {
        ("all" or "exists" or "exists_one" or "existsOne" or "filter" or "map", [CelExpression.Name variable, var body]) => new CelExpression.Comprehension(target, name, variable.Text, null, body),
        ("map", [CelExpression.Name variable, var condition, var body]) => new CelExpression.Comprehension(target, name, variable.Text, condition, body),
        _ => CelFunctions.IsMethod(name) ? new CelExpression.Call(target, name, arguments) : throw new CelSyntaxException($"undeclared reference to '{name}' (in container '')"),
    };

    private CelExpression Primary()
    {
        var (kind, text, value) = _tokens[_at++];
        switch (kind)
        {
            case "literal": return new CelExpression.Literal(value);
            case "(":
                var inner = Conditional();
                Need(")");
                return inner;
            case "[": return new CelExpression.ListOf(Arguments("]"));
            case "{": return Map();
            case ".": return Primary();
            case "name" when Take("("):
                var arguments = Arguments(")");
                if (text == "has")
                    return arguments is [CelExpression.Select { IsOptional: false } field] ? field with { IsTest = true } : throw new CelSyntaxException("invalid argument to has() macro");
                return CelFunctions.IsFunction(text) ? new CelExpression.Call(null, text, arguments) : throw new CelSyntaxException($"undeclared reference to '{text}' (in container '')");
            case "name":
                // optional.of(x): a function in a namespace.
                if (text == "optional" && Kind == "." && _tokens[_at + 1].Kind == "name" && _tokens[_at + 2].Kind == "(")
                {
                    var function = "optional." + _tokens[_at + 1].Text;
                    _at += 3;
                    return CelFunctions.IsFunction(function) ? new CelExpression.Call(null, function, Arguments(")")) : throw new CelSyntaxException($"undeclared reference to '{function}' (in container '')");
                }
                return new CelExpression.Name(text);
            default:
                _at--;
                throw Unexpected();
        }
    }

    private CelExpression.MapOf Map()
    {
        var entries = new List<(CelExpression, CelExpression)>();
        while (!Take("}"))
        {
            var key = Conditional();
            Need(":");
            entries.Add((key, Conditional()));
            if (!Take(",") && Kind != "}") throw Unexpected();
        }
        return new CelExpression.MapOf(entries);
    }

    private void Scan()
    {
        var i = 0;
        while (i < _text.Length)
        {
            var c = _text[i];
            if (char.IsWhiteSpace(c)) i++;
            else if (c == '/' && i + 1 < _text.Length && _text[i + 1] == '/') while (i < _text.Length && _text[i] != '\n') i++;
            else if (char.IsAsciiDigit(c) || c == '.' && i + 1 < _text.Length && char.IsAsciiDigit(_text[i + 1])) i = Number(i);
            else if (c is '"' or '\'') i = String(i, isRaw: false);
            else if (c is 'r' or 'R' && i + 1 < _text.Length && _text[i + 1] is '"' or '\'') i = String(i + 1, isRaw: true);
            else if (char.IsAsciiLetter(c) || c == '_') i = Word(i);
            else
            {
                var two = i + 1 < _text.Length ? _text.Substring(i, 2) : "";
                var symbol = two is "==" or "!=" or "<=" or ">=" or "&&" or "||" ? two : c.ToString();
                if (symbol.Length == 1 && "<>!+-*/%?:.,()[]{}".IndexOf(c) < 0) throw new CelSyntaxException($"Syntax error: token recognition error at: '{c}'");
                _tokens.Add((symbol, symbol, null));
                i += symbol.Length;
            }
        }
        _tokens.Add(("end", "", null));
    }

    private int Word(int start)
    {
        var end = start;
        while (end < _text.Length && (char.IsAsciiLetterOrDigit(_text[end]) || _text[end] == '_')) end++;
        var word = _text[start..end];
        _tokens.Add(word switch
        {
            "true" => ("literal", word, true),
            "false" => ("literal", word, false),
            "null" => ("literal", word, null),
            "in" => ("in", word, null),
            _ => ("name", word, null),
        });
        return end;
    }

    private int Number(int start)
    {
        var end = start;
        if (_text[start] == '0' && end + 1 < _text.Length && _text[end + 1] is 'x' or 'X')
        {
            end += 2;
            while (end < _text.Length && char.IsAsciiHexDigit(_text[end])) end++;
            _tokens.Add(("literal", _text[start..end], long.Parse(_text.AsSpan(start + 2, end - start - 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
            return end;
        }
        var isDouble = false;
        while (end < _text.Length && (char.IsAsciiDigit(_text[end]) || _text[end] is 'e' or 'E' || _text[end] == '.' && end + 1 < _text.Length && char.IsAsciiDigit(_text[end + 1])
            || _text[end] is '+' or '-' && _text[end - 1] is 'e' or 'E' && end > start))
        {
            isDouble |= _text[end] is '.' or 'e' or 'E';
            end++;
        }
        var text = _text[start..end];
        if (end < _text.Length && _text[end] is 'u' or 'U') end++;
        // Boxed one by one: a conditional over both would make every number a double.
        object? value = null;
        if (isDouble && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real)) value = real;
        if (!isDouble && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var whole)) value = whole;
        _tokens.Add(("literal", text, value ?? throw new CelSyntaxException("invalid number literal")));
        return end;
    }

    private int String(int start, bool isRaw)
    {
        var quote = _text[start];
        var triple = string.CompareOrdinal(_text, start, new string(quote, 3), 0, 3) == 0;
        var close = triple ? new string(quote, 3) : quote.ToString();
        var i = start + close.Length;
        var value = new StringBuilder();
        while (true)
        {
            if (i >= _text.Length) throw new CelSyntaxException("Syntax error: token recognition error at end of string");
            if (string.CompareOrdinal(_text, i, close, 0, close.Length) == 0)
            {
                _tokens.Add(("literal", value.ToString(), value.ToString()));
                return i + close.Length;
            }
            if (_text[i] == '\\' && !isRaw) i = Escape(i + 1, value);
            else value.Append(_text[i++]);
        }
    }

    private int Escape(int i, StringBuilder value)
    {
        if (i >= _text.Length) throw new CelSyntaxException("Syntax error: token recognition error at end of string");
        var c = _text[i];
        var digits = c switch { 'x' or 'X' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        if (digits > 0)
        {
            if (i + digits >= _text.Length || !int.TryParse(_text.AsSpan(i + 1, digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var code) || !Rune.IsValid(code))
                throw new CelSyntaxException("invalid escape in string literal");
            value.Append(new Rune(code).ToString());
            return i + 1 + digits;
        }
        value.Append(c switch { 'n' => '\n', 't' => '\t', 'r' => '\r', 'a' => '\a', 'b' => '\b', 'f' => '\f', 'v' => '\v', '\\' or '"' or '\'' or '`' or '?' => c, _ => throw new CelSyntaxException("invalid escape in string literal") });
        return i + 1;
    }
}
