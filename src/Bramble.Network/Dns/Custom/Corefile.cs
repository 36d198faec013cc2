namespace Bramble.Network.Dns.Custom;

/// <summary>A line of a Corefile with what is in its braces.</summary>
internal sealed record CorefileEntry(IReadOnlyList<string> Words, IReadOnlyList<CorefileEntry>? Block)
{
    public string Name => Words[0];
    public IEnumerable<string> Arguments => Words.Skip(1);
}

/// <summary>The grammar of CoreDNS' configuration: words, quotes, comments, braces. Pure. Source: the Corefile's manual page (corefile(5)).</summary>
internal static class Corefile
{
    /// <exception cref="FormatException">Braces that do not match; the message names the line.</exception>
    public static IReadOnlyList<CorefileEntry> Parse(string text)
    {
        var open = new Stack<(IReadOnlyList<string> Words, List<CorefileEntry> Entries)>();
        var entries = new List<CorefileEntry>();
        foreach (var (index, line) in text.Split('\n').Index())
        {
            var words = Words(line);
            // "}" may stand before or behind other words.
            while (words.Count > 0 && words[0] == "}")
            {
                if (!open.TryPop(out var outer)) throw new FormatException($"line {index + 1}: a brace is closed that was not opened");
                outer.Entries.Add(new CorefileEntry(outer.Words, entries));
                entries = outer.Entries;
                words.RemoveAt(0);
            }
            if (words.Count == 0) continue;
            if (words[^1] != "{")
            {
                entries.Add(new CorefileEntry(words, null));
                continue;
            }
            words.RemoveAt(words.Count - 1);
            if (words.Count == 0) throw new FormatException($"line {index + 1}: a brace without a name before it");
            open.Push((words, entries));
            entries = [];
        }
        return open.Count == 0 ? entries : throw new FormatException($"the brace after \"{string.Join(' ', open.Peek().Words)}\" is not closed");
    }

    private static List<string> Words(string line)
    {
        var words = new List<string>();
        for (var at = 0; at < line.Length;)
        {
            if (char.IsWhiteSpace(line[at]))
            {
                at++;
                continue;
            }
            if (line[at] == '#') break;
            var end = line[at] == '"' ? line.IndexOf('"', at + 1) : at;
            if (line[at] == '"' && end > 0)
            {
                words.Add(line[(at + 1)..end]);
                at = end + 1;
                continue;
            }
            end = at;
            while (end < line.Length && !char.IsWhiteSpace(line[end])) end++;
            words.Add(line[at..end]);
            at = end;
        }
        return words;
    }
}
