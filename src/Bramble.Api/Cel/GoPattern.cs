using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;

namespace Bramble.Api.Cel;

/// <summary>Regular expressions as Go reads them (RE2), run by an engine whose time grows with the text only: whoever writes a pattern cannot hang the server.</summary>
public static class GoPattern
{
    private const int KnownMax = 500;

    private static readonly ConcurrentDictionary<string, Regex> Known = new(StringComparer.Ordinal);

    private static readonly Dictionary<string, string> PosixClasses = new(StringComparer.Ordinal)
    {
        ["alnum"] = "0-9A-Za-z",
        ["alpha"] = "A-Za-z",
        ["ascii"] = @"\x00-\x7F",
        ["blank"] = @"\t ",
        ["cntrl"] = @"\x00-\x1F\x7F",
        ["digit"] = "0-9",
        ["graph"] = "!-~",
        ["lower"] = "a-z",
        ["print"] = " -~",
        ["punct"] = @"!-/:-@\[-`{-~",
        ["space"] = @"\t\n\v\f\r ",
        ["upper"] = "A-Z",
        ["word"] = "0-9A-Za-z_",
        ["xdigit"] = "0-9A-Fa-f",
    };

    /// <exception cref="ArgumentException">Not a pattern; the message is Go's where it is known.</exception>
    public static Regex Compile(string pattern)
    {
        if (Known.TryGetValue(pattern, out var known)) return known;
        try
        {
            var regex = new Regex(Translate(pattern), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
            // Full: patterns are few and long-lived, or somebody makes them up; then all start anew.
            if (Known.Count >= KnownMax) Known.Clear();
            return Known.GetOrAdd(pattern, regex);
        }
        catch (RegexParseException e)
        {
            throw new ArgumentException($"error parsing regexp: {Reason(e.Error)}: `{pattern}`", e);
        }
        catch (NotSupportedException e)
        {
            throw new ArgumentException($"error parsing regexp: invalid or unsupported Perl syntax: `{pattern}`", e);
        }
    }

    private static string Reason(RegexParseError error) => error switch
    {
        RegexParseError.InsufficientClosingParentheses => "missing closing )",
        RegexParseError.InsufficientOpeningParentheses => "unexpected )",
        RegexParseError.UnterminatedBracket => "missing closing ]",
        RegexParseError.QuantifierAfterNothing => "missing argument to repetition operator",
        RegexParseError.NestedQuantifiersNotParenthesized => "invalid nested repetition operator",
        RegexParseError.ReversedCharacterRange => "invalid character class range",
        RegexParseError.ReversedQuantifierRange or RegexParseError.QuantifierOrCaptureGroupOutOfRange => "invalid repeat count",
        RegexParseError.UnescapedEndingBackslash => "trailing backslash at end of expression",
        RegexParseError.UnrecognizedEscape or RegexParseError.InsufficientOrInvalidHexDigits => "invalid escape sequence",
        _ => "invalid or unsupported Perl syntax",
    };

    /// <summary>What Go means, in .NET's words: ASCII classes, <c>$</c> at the very end only, <c>(?P&lt;name&gt;</c>, <c>[[:alpha:]]</c>, <c>\Q…\E</c>.</summary>
    private static string Translate(string pattern)
    {
        var result = new StringBuilder(pattern.Length + 8);
        var inClass = false;
        var isMultiline = pattern.StartsWith("(?", StringComparison.Ordinal) && pattern.IndexOf(')', StringComparison.Ordinal) is > 0 and var close && pattern[2..close].Contains('m');
        for (var i = 0; i < pattern.Length; i++)
        {
            var c = pattern[i];
            switch (c)
            {
                case '\\' when i + 1 < pattern.Length:
                    i = Escape(pattern, i + 1, inClass, result);
                    break;
                case '[' when !inClass:
                    inClass = true;
                    result.Append('[');
                    if (i + 1 < pattern.Length && pattern[i + 1] == '^') result.Append(pattern[++i]);
                    if (i + 1 < pattern.Length && pattern[i + 1] == ']')
                    {
                        result.Append("\\]");
                        i++;
                    }
                    break;
                case '[' when i + 1 < pattern.Length && pattern[i + 1] == ':' && pattern.IndexOf(":]", i + 2, StringComparison.Ordinal) is > 0 and var end:
                    var name = pattern[(i + 2)..end];
                    if (!PosixClasses.TryGetValue(name, out var posix)) throw new ArgumentException($"error parsing regexp: invalid character class range: `[:{name}:]`");
                    result.Append(posix);
                    i = end + 1;
                    break;
                case '[':
                    result.Append("\\[");
                    break;
                case ']' when inClass:
                    inClass = false;
                    result.Append(']');
                    break;
                case '$' when !inClass && !isMultiline:
                    result.Append("\\z");
                    break;
                case '(' when !inClass && string.CompareOrdinal(pattern, i, "(?P<", 0, 4) == 0:
                    result.Append("(?<");
                    i += 3;
                    break;
                case '(' when !inClass && i + 2 < pattern.Length && pattern[i + 1] == '?' && (pattern[i + 2] is '=' or '!' or '>' or '#' or '\''
                    || pattern[i + 2] == '<' && i + 3 < pattern.Length && pattern[i + 3] is '=' or '!'):
                    throw new ArgumentException($"error parsing regexp: invalid or unsupported Perl syntax: `{pattern.Substring(i, Math.Min(pattern[i + 2] == '<' ? 4 : 3, pattern.Length - i))}`");
                default:
                    result.Append(c);
                    break;
            }
        }
        return result.ToString();
    }

    /// <returns>Index of the last character read.</returns>
    private static int Escape(string pattern, int i, bool inClass, StringBuilder result)
    {
        var c = pattern[i];
        switch (c)
        {
            case 'd': result.Append(inClass ? "0-9" : "[0-9]"); break;
            case 'D' when !inClass: result.Append("[^0-9]"); break;
            case 'w': result.Append(inClass ? "0-9A-Za-z_" : "[0-9A-Za-z_]"); break;
            case 'W' when !inClass: result.Append("[^0-9A-Za-z_]"); break;
            case 's': result.Append(inClass ? @"\t\n\f\r " : @"[\t\n\f\r ]"); break;
            case 'S' when !inClass: result.Append(@"[^\t\n\f\r ]"); break;
            case 'Q':
                var end = pattern.IndexOf("\\E", i, StringComparison.Ordinal);
                result.Append(Regex.Escape(end < 0 ? pattern[(i + 1)..] : pattern[(i + 1)..end]));
                return end < 0 ? pattern.Length - 1 : end + 1;
            case 'p' or 'P' when i + 1 < pattern.Length && pattern[i + 1] != '{':
                result.Append('\\').Append(c).Append('{').Append(pattern[i + 1]).Append('}');
                return i + 1;
            case 'x' when i + 1 < pattern.Length && pattern[i + 1] == '{' && pattern.IndexOf('}', i) is > 0 and var brace:
                if (!int.TryParse(pattern.AsSpan(i + 2, brace - i - 2), System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture, out var code) || !Rune.IsValid(code))
                    throw new ArgumentException($"error parsing regexp: invalid escape sequence: `\\x`");
                result.Append(Regex.Escape(new Rune(code).ToString()));
                return brace;
            case 'Z' or 'G' or 'k' or (>= '1' and <= '9') or 'e' or 'c' or 'u' or 'R' or 'X' or 'K':
                throw new ArgumentException($"error parsing regexp: invalid escape sequence: `\\{c}`");
            default: result.Append('\\').Append(c); break;
        }
        return i;
    }
}
