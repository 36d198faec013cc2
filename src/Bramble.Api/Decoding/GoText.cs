using System.Text;

namespace Bramble.Api.Decoding;

/// <summary>JSON text that Go accepts and .NET does not: bytes that are not UTF-8 and halves of surrogate pairs become U+FFFD.</summary>
internal static class GoText
{
    public static ReadOnlyMemory<byte> Repair(ReadOnlySpan<byte> json)
    {
        var text = Encoding.UTF8.GetString(json);
        var repaired = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 >= text.Length)
            {
                repaired.Append(text[i]);
                continue;
            }
            if (text[i + 1] != 'u' || Unit(text, i) is not { } unit || !char.IsSurrogate(unit))
            {
                repaired.Append(text[i]).Append(text[++i]);
                continue;
            }
            if (char.IsHighSurrogate(unit) && Unit(text, i + 6) is { } low && char.IsLowSurrogate(low))
            {
                repaired.Append(text, i, 12);
                i += 11;
            }
            else
            {
                repaired.Append("\\ufffd");
                i += 5;
            }
        }
        return Encoding.UTF8.GetBytes(repaired.ToString());
    }

    private static char? Unit(string text, int at) =>
        at + 6 <= text.Length && text[at] == '\\' && text[at + 1] == 'u'
        && ushort.TryParse(text.AsSpan(at + 2, 4), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var unit) ? (char)unit : null;
}
