using System.Text;

namespace Bramble.Api.Cel;

/// <summary>String and bytes literals as written, with quotes and escapes.</summary>
internal static class CelQuoted
{
    private const string Unfit = "unable to unescape string";
    private const string NoCodePoint = "invalid unicode code point";

    /// <returns>UTF-8; null: the escapes are wrong.</returns>
    public static byte[]? Unescape(string text, bool isBytes, out string complaint)
    {
        complaint = Unfit;
        var isRaw = text[0] is 'r' or 'R';
        if (isRaw) text = text[1..];
        var quotes = text.Length >= 6 && text[1] == text[0] && text[2] == text[0] ? 3 : 1;
        text = text[quotes..^quotes];
        if (isRaw || !text.Contains('\\')) return Encoding.UTF8.GetBytes(text);
        var value = new MemoryStream();
        Span<byte> buffer = stackalloc byte[4];
        for (var i = 0; i < text.Length;)
        {
            if (text[i] != '\\')
            {
                Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out var used);
                value.Write(buffer[..rune.EncodeToUtf8(buffer)]);
                i += used;
                continue;
            }
            if (++i >= text.Length) return null;
            var c = text[i++];
            var plain = "abfnrtv\\'\"`?".IndexOf(c, StringComparison.Ordinal);
            if (plain >= 0)
            {
                value.WriteByte((byte)"\a\b\f\n\r\t\v\\'\"`?"[plain]);
                continue;
            }
            var (digits, radix) = c switch { 'x' or 'X' => (2, 16), 'u' => (4, 16), 'U' => (8, 16), >= '0' and <= '3' => (3, 8), _ => (0, 0) };
            if (digits == 0 || isBytes && c is 'u' or 'U' && isBytes) return null;
            if (radix == 8) i--;
            if (i + digits > text.Length) return null;
            var code = Convert.ToUInt32(text.Substring(i, digits), radix);
            i += digits;
            if (isBytes)
            {
                value.WriteByte((byte)code);
                continue;
            }
            if (!Rune.IsValid(code))
            {
                complaint = NoCodePoint;
                return null;
            }
            value.Write(buffer[..new Rune(code).EncodeToUtf8(buffer)]);
        }
        return value.ToArray();
    }
}
