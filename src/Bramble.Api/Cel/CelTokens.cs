using System.Collections.Frozen;

namespace Bramble.Api.Cel;

/// <summary>The tokens of CEL, numbered as its published grammar numbers them: messages list them in this order.</summary>
internal enum CelToken
{
    End, Equal, NotEqual, In, Less, LessEqual, GreaterEqual, Greater, And, Or, LeftBracket, RightBracket, LeftBrace, RightBrace, LeftParenthesis, RightParenthesis, Dot, Comma, Minus, Not, Question,
    Colon, Plus, Star, Slash, Percent, True, False, Null, Space, Comment, Float, Int, Uint, String, Bytes, Identifier, EscapedIdentifier,
}

/// <summary>One token: code points <c>Start</c> to <c>End</c> of the text.</summary>
internal readonly record struct CelLexeme(CelToken Kind, int Start, int End);

/// <summary>Cuts an expression into tokens. What is none is reported and passed over.</summary>
internal static class CelLexer
{
    private static readonly FrozenDictionary<string, CelToken> Words = new Dictionary<string, CelToken>(StringComparer.Ordinal)
    {
        ["in"] = CelToken.In,
        ["true"] = CelToken.True,
        ["false"] = CelToken.False,
        ["null"] = CelToken.Null,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static List<CelLexeme> Scan(CelSource source)
    {
        var tokens = new List<CelLexeme>();
        var (text, at) = (source.Points, 0);
        while (at < text.Length)
        {
            var (kind, end, failedAt) = Next(source, at);
            if (kind == CelToken.End)
            {
                // The message shows what was read, the character that does not fit included; reading goes on behind it.
                var stop = Math.Min(failedAt + 1, text.Length);
                var shown = source.Slice(at, stop).Replace("\t", "\\t", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal).Replace("\r", "\\r", StringComparison.Ordinal);
                source.Report(at, $"Syntax error: token recognition error at: '{shown}'");
                at = Math.Max(stop, at + 1);
                continue;
            }
            if (kind is not (CelToken.Space or CelToken.Comment)) tokens.Add(new CelLexeme(kind, at, end));
            at = end;
        }
        tokens.Add(new CelLexeme(CelToken.End, text.Length, text.Length));
        return tokens;
    }

    private static (CelToken Kind, int End, int FailedAt) Next(CelSource source, int at)
    {
        var text = source.Points;
        int Peek(int i) => i < text.Length ? text[i] : -1;
        var c = text[at];
        switch (c)
        {
            case ' ' or '\t' or '\r' or '\n' or '\f':
                var end = at + 1;
                while (Peek(end) is ' ' or '\t' or '\r' or '\n' or '\f') end++;
                return (CelToken.Space, end, 0);
            case '/' when Peek(at + 1) == '/':
                end = at;
                while (end < text.Length && text[end] != '\n') end++;
                return (CelToken.Comment, end, 0);
            case '=': return Peek(at + 1) == '=' ? (CelToken.Equal, at + 2, 0) : (CelToken.End, 0, at + 1);
            case '&': return Peek(at + 1) == '&' ? (CelToken.And, at + 2, 0) : (CelToken.End, 0, at + 1);
            case '|': return Peek(at + 1) == '|' ? (CelToken.Or, at + 2, 0) : (CelToken.End, 0, at + 1);
            case '!': return Peek(at + 1) == '=' ? (CelToken.NotEqual, at + 2, 0) : (CelToken.Not, at + 1, 0);
            case '<': return Peek(at + 1) == '=' ? (CelToken.LessEqual, at + 2, 0) : (CelToken.Less, at + 1, 0);
            case '>': return Peek(at + 1) == '=' ? (CelToken.GreaterEqual, at + 2, 0) : (CelToken.Greater, at + 1, 0);
            case '"' or '\'': return Quoted(text, at, CelToken.String);
            case '`': return Escaped(text, at);
        }
        if (IsDigit(c) || c == '.' && IsDigit(Peek(at + 1))) return Number(text, at);
        if (IsLetter(c) || c == '_') return Word(source, at);
        const string symbols = "[]{}().,-?:+*/%";
        ReadOnlySpan<CelToken> kinds =
        [
            CelToken.LeftBracket, CelToken.RightBracket, CelToken.LeftBrace, CelToken.RightBrace, CelToken.LeftParenthesis, CelToken.RightParenthesis, CelToken.Dot, CelToken.Comma, CelToken.Minus,
            CelToken.Question, CelToken.Colon, CelToken.Plus, CelToken.Star, CelToken.Slash, CelToken.Percent,
        ];
        var index = c < 128 ? symbols.IndexOf((char)c) : -1;
        return index < 0 ? (CelToken.End, 0, at) : (kinds[index], at + 1, 0);
    }

    private static (CelToken, int, int) Word(CelSource source, int at)
    {
        var text = source.Points;
        // Prefixes of strings: r, b, br.
        var quote = at;
        var kind = CelToken.String;
        if (text[quote] is 'b' or 'B') (kind, quote) = (CelToken.Bytes, quote + 1);
        if (quote < text.Length && text[quote] is 'r' or 'R') quote++;
        if (quote > at && quote < text.Length && text[quote] is '"' or '\'' && Quoted(text, quote, kind, isRaw: text[quote - 1] is 'r' or 'R') is { Item1: not CelToken.End } found) return found;
        var end = at;
        while (end < text.Length && (IsLetter(text[end]) || IsDigit(text[end]) || text[end] == '_')) end++;
        return (end - at is >= 2 and <= 5 && Words.TryGetValue(source.Slice(at, end), out var word) ? word : CelToken.Identifier, end, 0);
    }

    private static (CelToken, int, int) Number(int[] text, int at)
    {
        int Peek(int i) => i < text.Length ? text[i] : -1;
        var end = at;
        if (text[at] == '0' && Peek(at + 1) == 'x' && IsHex(Peek(at + 2)))
        {
            end += 2;
            while (IsHex(Peek(end))) end++;
            return Peek(end) is 'u' or 'U' ? (CelToken.Uint, end + 1, 0) : (CelToken.Int, end, 0);
        }
        while (IsDigit(Peek(end))) end++;
        var kind = CelToken.Int;
        if (Peek(end) == '.' && IsDigit(Peek(end + 1)))
        {
            kind = CelToken.Float;
            end++;
            while (IsDigit(Peek(end))) end++;
        }
        else if (Peek(end) is 'u' or 'U') return (CelToken.Uint, end + 1, 0);
        if (Peek(end) is not ('e' or 'E')) return (kind, end, 0);
        var digits = Peek(end + 1) is '+' or '-' ? end + 2 : end + 1;
        if (!IsDigit(Peek(digits))) return (kind, end, 0);
        while (IsDigit(Peek(digits))) digits++;
        return (CelToken.Float, digits, 0);
    }

    private static (CelToken, int, int) Quoted(int[] text, int quote, CelToken kind, bool isRaw = false)
    {
        int Peek(int i) => i < text.Length ? text[i] : -1;
        var c = text[quote];
        var isTriple = Peek(quote + 1) == c && Peek(quote + 2) == c;
        var (failedAt, end) = isTriple ? Body(quote + 3, true) : Body(quote + 1, false);
        if (end > 0) return (kind, end, 0);
        // An unfinished triple quote is an empty string with something behind it.
        return isTriple ? (kind, quote + 2, 0) : (CelToken.End, 0, failedAt);

        (int FailedAt, int End) Body(int at, bool triple)
        {
            while (true)
            {
                if (at >= text.Length) return (at, 0);
                if (text[at] == c && (!triple || Peek(at + 1) == c && Peek(at + 2) == c)) return (0, at + (triple ? 3 : 1));
                if (!triple && text[at] is '\n' or '\r') return (at, 0);
                if (text[at] != '\\' || isRaw) at++;
                else if (Escape(at, out var next)) at = next;
                else return (next, 0);
            }
        }

        // The end of an escape sequence; false: where it fails.
        bool Escape(int at, out int next)
        {
            next = at + 1;
            var kindOf = Peek(next);
            if (kindOf is 'a' or 'b' or 'f' or 'n' or 'r' or 't' or 'v' or '"' or '\'' or '\\' or '?' or '`')
            {
                next++;
                return true;
            }
            var (digits, isOctal) = kindOf switch { 'x' or 'X' => (2, false), 'u' => (4, false), 'U' => (8, false), >= '0' and <= '3' => (2, true), _ => (-1, false) };
            if (digits < 0) return false;
            for (var i = 0; i < digits; i++)
            {
                next++;
                if (isOctal ? Peek(next) is not (>= '0' and <= '7') : !IsHex(Peek(next))) return false;
            }
            next++;
            return true;
        }
    }

    private static (CelToken, int, int) Escaped(int[] text, int at)
    {
        var end = at + 1;
        while (end < text.Length && (IsLetter(text[end]) || IsDigit(text[end]) || text[end] is '_' or '.' or '-' or '/' or ' ')) end++;
        return end > at + 1 && end < text.Length && text[end] == '`' ? (CelToken.EscapedIdentifier, end + 1, 0) : (CelToken.End, 0, end);
    }

    private static bool IsLetter(int c) => c is >= 'a' and <= 'z' or >= 'A' and <= 'Z';

    private static bool IsDigit(int c) => c is >= '0' and <= '9';

    private static bool IsHex(int c) => IsDigit(c) || c is >= 'a' and <= 'f' or >= 'A' and <= 'F';
}
