using System.Globalization;
using YamlDotNet.Core;

namespace Bramble.Api.Decoding;

/// <summary>YamlDotNet's complaints in the words of Go's library (both come from libyaml: what stands after "While doing this," is mostly the same).</summary>
internal static class YamlErrors
{
    private const string NoToken = "found character that cannot start any token";

    /// <summary>A tab before the first content, which YamlDotNet takes for a space.</summary>
    public static string? LeadingTab(string text)
    {
        var start = text.AsSpan().IndexOfAnyExcept(" \t\r\n");
        if (start < 0) return null;
        var line = text.AsSpan(0, start);
        return line[(line.LastIndexOf('\n') + 1)..].Contains('\t') ? Say(NoToken, line.Count('\n') + 1) : null;
    }

    public static string AsGo(YamlException failed, string text)
    {
        var what = failed.Message.TrimEnd('.');
        if (what.StartsWith("While ", StringComparison.OrdinalIgnoreCase) && what.IndexOf(", ", StringComparison.Ordinal) is > 0 and var comma) what = what[(comma + 2)..].Trim();
        return what switch
        {
            "found invalid mapping" => Say("mapping values are not allowed in this context", failed.Start.Line),
            "found invalid tab as indentation" => Say(NoToken, LineWithTab(text)),
            "found a tab character that violate indentation" => Say("found a tab character that violates indentation", failed.End.Line),
            // The scanner complains of where it is; the parser of the token it has, whose line Go's library counts from 0.
            _ => Say(char.ToLowerInvariant(what[0]) + what[1..], failed is SyntaxErrorException ? failed.End.Line : failed.Start.Line, isOfParser: failed is not SyntaxErrorException),
        };
    }

    /// <summary>The first line is never named.</summary>
    private static string Say(string message, long line, bool isOfParser = false) =>
        line == 1 ? $"yaml: {message}" : $"yaml: line {(isOfParser ? line - 1 : line).ToString(CultureInfo.InvariantCulture)}: {message}";

    private static int LineWithTab(string text)
    {
        var line = 0;
        foreach (var content in text.AsSpan().EnumerateLines())
        {
            line++;
            var indent = content.IndexOfAnyExcept(" \t");
            if (indent > 0 && content[..indent].Contains('\t')) return line;
        }

        return line;
    }
}
