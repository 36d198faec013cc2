using System.Text;

namespace Bramble.Api.Cel;

/// <summary><c>url('https://example.com:443/a?b=c')</c>, cut as Go's net/url cuts.</summary>
internal sealed record CelUrl(string Scheme, string Host, string Path, string RawQuery, string Text) : ICelLibraryValue
{
    public string LibraryType => "URL";

    public string Hostname => Host.StartsWith('[') ? Host[1..Math.Max(1, Host.IndexOf(']', StringComparison.Ordinal))] : ColonOfPort is { } colon ? Host[..colon] : Host;

    public string Port => ColonOfPort is { } colon ? Host[(colon + 1)..] : "";

    private int? ColonOfPort => Host.LastIndexOf(':') is >= 0 and var colon && colon > Host.LastIndexOf(']') ? colon : null;

    public override string ToString() => Text;

    /// <returns>A <see cref="CelUrl"/> or a fault.</returns>
    public static object Parse(string text)
    {
        var shown = Errors.FieldError.Quote(text);
        CelFault Unfit(string why) => new($"URL parse error during conversion from string: parse {shown}: {why}");
        if (text.Length == 0) return Unfit("empty url");
        if (text.Any(c => c < ' ' || c == 0x7f)) return Unfit("net/url: invalid control character in URL");
        var rest = text;
        var scheme = "";
        var colon = 0;
        while (colon < rest.Length && (char.IsAsciiLetter(rest[colon]) || colon > 0 && (char.IsAsciiDigit(rest[colon]) || rest[colon] is '+' or '-' or '.'))) colon++;
        if (colon < rest.Length && rest[colon] == ':')
        {
            if (colon == 0) return Unfit("missing protocol scheme");
            (scheme, rest) = (rest[..colon].ToLowerInvariant(), rest[(colon + 1)..]);
        }
        if (rest.IndexOf('#', StringComparison.Ordinal) is >= 0 and var hash) rest = rest[..hash];
        var query = "";
        if (rest.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark) (rest, query) = (rest[..mark], rest[(mark + 1)..]);
        if (!rest.StartsWith('/')) return scheme.Length > 0 ? new CelUrl(scheme, "", "", query, text) : Unfit("invalid URI for request");
        var host = "";
        if (rest.StartsWith("//", StringComparison.Ordinal) && (scheme.Length > 0 || !rest.StartsWith("///", StringComparison.Ordinal)))
        {
            var slash = rest.IndexOf('/', 2);
            (host, rest) = slash < 0 ? (rest[2..], "") : (rest[2..slash], rest[slash..]);
            if (host.LastIndexOf('@') is >= 0 and var at) host = host[(at + 1)..];
            if (host.StartsWith('[') && !host.Contains(']')) return Unfit("missing ']' in host");
            var port = host.LastIndexOf(':');
            if (port > host.LastIndexOf(']') && !host[(port + 1)..].All(char.IsAsciiDigit)) return Unfit($"invalid port {Errors.FieldError.Quote(host[port..])} after host");
            if (host.IndexOfAny([' ', '<', '>', '"', '\\', '^', '`', '{', '|', '}']) is >= 0 and var bad) return Unfit($"invalid character {Errors.FieldError.Quote(host[bad].ToString())} in host name");
        }
        for (var i = rest.IndexOf('%', StringComparison.Ordinal); i >= 0; i = rest.IndexOf('%', i + 1))
            if (i + 2 >= rest.Length || !char.IsAsciiHexDigit(rest[i + 1]) || !char.IsAsciiHexDigit(rest[i + 2]))
                return Unfit($"invalid URL escape {Errors.FieldError.Quote(rest.Substring(i, Math.Min(3, rest.Length - i)))}");
        return new CelUrl(scheme, host, Escaped(rest), query, text);
    }

    /// <summary>What may not stand in a path is escaped; what is escaped stays.</summary>
    private static string Escaped(string path)
    {
        var escaped = new StringBuilder();
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in path.EnumerateRunes())
            if (rune.Value < 128 && (char.IsAsciiLetterOrDigit((char)rune.Value) || "-_.~$&+,/:;=@%!'()*[]".Contains((char)rune.Value))) escaped.Append((char)rune.Value);
            else
                foreach (var b in utf8[..rune.EncodeToUtf8(utf8)]) escaped.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        return escaped.ToString();
    }

    public CelMap Query()
    {
        var values = new CelEntries();
        foreach (var pair in RawQuery.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            if (pair.Contains(';')) continue; // Go: not a separator, and then not readable
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var (key, value) = (Plain(equals < 0 ? pair : pair[..equals]), Plain(equals < 0 ? "" : pair[(equals + 1)..]));
            if (values.TryGet(key, out var known)) ((List<object?>)known!).Add(value);
            else values.Set(key, new List<object?> { value });
        }
        return values;
    }

    private static string Plain(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}
