using Bramble.Api.Errors;

namespace Bramble.Api.Selectors;

/// <summary>Reads the query form of a label selector with upstream's grammar and error texts (apimachinery's labels package). One text, one parser.</summary>
internal sealed class LabelSelectorParser(string text)
{
    private enum Token { Error, End, Close, Comma, Not, DoubleEqual, Equal, Greater, Identifier, In, Less, NotEqual, NotIn, Open }

    private readonly List<(Token Token, string Text)> _items = [];
    private int _next;

    public List<LabelRequirement> Parse()
    {
        Scan();
        var requirements = new List<LabelRequirement>();
        while (true)
        {
            var (token, text) = Peek();
            if (token == Token.End) return requirements;
            if (token is not (Token.Identifier or Token.Not)) throw new FormatException($"found '{text}', expected: !, identifier, or 'end of string'");
            try
            {
                requirements.Add(ParseRequirement());
            }
            catch (FormatException e)
            {
                throw new FormatException($"unable to parse requirement: {e.Message}", e);
            }
            (token, text) = Take();
            if (token == Token.End) return requirements;
            if (token != Token.Comma) throw new FormatException($"found '{text}', expected: ',' or 'end of string'");
            (token, text) = Peek();
            if (token is not (Token.Identifier or Token.Not)) throw new FormatException($"found '{text}', expected: identifier after ','");
        }
    }

    private LabelRequirement ParseRequirement()
    {
        var isNegated = false;
        var (token, key) = Take();
        if (token == Token.Not)
        {
            isNegated = true;
            (token, key) = Take();
        }
        if (token != Token.Identifier) throw new FormatException($"found '{key}', expected: identifier");
        if (LabelRules.KeyErrors(key) is { Count: > 0 } wrong)
            throw new FormatException($"<nil>: Invalid value: {FieldError.Quote(key)}: {string.Join("; ", wrong)}");
        if (isNegated) return LabelSelector.Checked(key, LabelOperator.DoesNotExist, []);
        if (Peek().Token is Token.End or Token.Comma) return LabelSelector.Checked(key, LabelOperator.Exists, []);
        var op = TakeOperator();
        var values = op is LabelOperator.In or LabelOperator.NotIn ? TakeValues() : [TakeExactValue()];
        return LabelSelector.Checked(key, op, [.. values.Order(StringComparer.Ordinal)]);
    }

    private LabelOperator TakeOperator()
    {
        var (token, text) = TakeRaw();
        return token switch
        {
            Token.In => LabelOperator.In,
            Token.NotIn => LabelOperator.NotIn,
            Token.Equal => LabelOperator.Equal,
            Token.DoubleEqual => LabelOperator.DoubleEqual,
            Token.NotEqual => LabelOperator.NotEqual,
            Token.Greater => LabelOperator.GreaterThan,
            Token.Less => LabelOperator.LessThan,
            _ => throw new FormatException($"found '{text}', expected: in, notin, =, ==, !=, gt, lt"),
        };
    }

    private SortedSet<string> TakeValues()
    {
        var (token, text) = Take();
        if (token != Token.Open) throw new FormatException($"found '{text}' expected: '('");
        (token, text) = Peek();
        switch (token)
        {
            case Token.Identifier or Token.Comma:
                var values = TakeList();
                return Take().Token == Token.Close ? values : throw new FormatException($"found '{text}', expected: ')'");
            case Token.Close:
                Take();
                return [""];
            default:
                throw new FormatException($"found '{text}', expected: ',', ')' or identifier");
        }
    }

    /// <summary>Identifiers with commas between; an empty place is the empty value.</summary>
    private SortedSet<string> TakeList()
    {
        var values = new SortedSet<string>(StringComparer.Ordinal);
        while (true)
        {
            var (token, text) = Take();
            switch (token)
            {
                case Token.Identifier:
                    values.Add(text);
                    (token, text) = Peek();
                    if (token == Token.Close) return values;
                    if (token != Token.Comma) throw new FormatException($"found '{text}', expected: ',' or ')'");
                    break;
                case Token.Comma:
                    if (values.Count == 0) values.Add("");
                    token = Peek().Token;
                    if (token is Token.Close or Token.Comma) values.Add("");
                    if (token == Token.Close) return values;
                    break;
                default:
                    throw new FormatException($"found '{text}', expected: ',', or identifier");
            }
        }
    }

    private string TakeExactValue()
    {
        if (Peek().Token is Token.End or Token.Comma) return "";
        var (token, text) = Take();
        return token == Token.Identifier ? text : throw new FormatException($"found '{text}', expected: identifier");
    }

    private (Token Token, string Text) Peek() => AsValue(_items[_next]);

    private (Token Token, string Text) Take() => AsValue(TakeRaw());

    /// <summary>The end is never passed: a text that breaks off asks for it more than once.</summary>
    private (Token Token, string Text) TakeRaw() => _items[_next == _items.Count - 1 ? _next : _next++];

    /// <summary>Where a value is wanted, <c>in</c> and <c>notin</c> are ordinary words.</summary>
    private static (Token, string) AsValue((Token Token, string Text) item) =>
        item.Token is Token.In or Token.NotIn ? (Token.Identifier, item.Text) : item;

    private void Scan()
    {
        var at = 0;
        while (true)
        {
            while (at < text.Length && IsSpace(text[at])) at++;
            if (at == text.Length || text[at] == '\0')
            {
                _items.Add((Token.End, ""));
                return;
            }
            var start = at;
            if (IsSpecial(text[at]))
            {
                _items.Add(ScanSymbol(ref at));
                continue;
            }
            while (at < text.Length && text[at] != '\0' && !IsSpace(text[at]) && !IsSpecial(text[at])) at++;
            var word = text[start..at];
            _items.Add((word switch { "in" => Token.In, "notin" => Token.NotIn, _ => Token.Identifier }, word));
        }
    }

    /// <summary>The longest symbol that begins here: <c>==</c> before <c>=</c>.</summary>
    private (Token, string) ScanSymbol(ref int at)
    {
        var next = at + 1 < text.Length ? text[at + 1] : '\0';
        var (token, length) = (text[at], next) switch
        {
            ('=', '=') => (Token.DoubleEqual, 2),
            ('!', '=') => (Token.NotEqual, 2),
            ('=', _) => (Token.Equal, 1),
            ('!', _) => (Token.Not, 1),
            ('(', _) => (Token.Open, 1),
            (')', _) => (Token.Close, 1),
            (',', _) => (Token.Comma, 1),
            ('>', _) => (Token.Greater, 1),
            _ => (Token.Less, 1),
        };
        var symbol = text.Substring(at, length);
        at += length;
        return (token, symbol);
    }

    private static bool IsSpace(char c) => c is ' ' or '\t' or '\r' or '\n';

    private static bool IsSpecial(char c) => c is '=' or '!' or '(' or ')' or ',' or '>' or '<';
}
