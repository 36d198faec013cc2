using System.Text;

namespace Bramble.ApiServer.Serving;

/// <summary>Warnings as values of the header Warning: each text once; when all together grow too long, each is cut (behaviour of apiserver's warning filter).</summary>
internal static class WarningHeaders
{
    private const int RunesMax = 4 << 10;
    private const int RunesOfCutTextMax = 256;

    public static string[] Of(IEnumerable<string> warnings)
    {
        var texts = warnings.Where(text => text.Length > 0).Distinct(StringComparer.Ordinal).ToList();
        List<string> values = [];
        var written = 0;
        foreach (var text in texts.Where(IsWritable))
        {
            written += Runes(text);
            if (written > RunesMax) return Cut(texts);
            values.Add(Quoted(text));
        }
        return [.. values];
    }

    private static string[] Cut(List<string> texts)
    {
        List<string> values = [];
        var written = 0;
        foreach (var text in texts)
        {
            if (written >= RunesMax) break;
            var cut = Runes(text) > RunesOfCutTextMax ? string.Concat(text.EnumerateRunes().Take(RunesOfCutTextMax)) : text;
            if (!IsWritable(cut)) continue;
            written += Runes(cut);
            values.Add(Quoted(cut));
        }
        return [.. values];
    }

    /// <summary>A text with control characters is no header: it is left out.</summary>
    private static bool IsWritable(string text) => !text.Any(char.IsControl);

    private static int Runes(string text) => text.EnumerateRunes().Count();

    private static string Quoted(string text)
    {
        var value = new StringBuilder("299 - \"", text.Length + 16);
        foreach (var c in text)
        {
            if (c is '"' or '\\') value.Append('\\');
            value.Append(c);
        }
        return value.Append('"').ToString();
    }
}
