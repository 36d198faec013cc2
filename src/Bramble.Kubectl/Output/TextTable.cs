using System.Text;

namespace Bramble.Kubectl.Output;

/// <summary>Columns as kubectl aligns them: at least six wide, three spaces between, nothing after the last. A watch keeps the widths it has shown.</summary>
internal sealed class TextTable
{
    private const int WidthMin = 6;
    private const int Padding = 3;

    private readonly List<int> _widths = [];

    public string Format(IReadOnlyList<IReadOnlyList<string>> lines)
    {
        foreach (var line in lines)
            for (var i = 0; i < line.Count - 1; i++)
            {
                if (i >= _widths.Count) _widths.Add(WidthMin);
                _widths[i] = Math.Max(_widths[i], Length(line[i]) + Padding);
            }
        var text = new StringBuilder();
        foreach (var line in lines)
        {
            for (var i = 0; i < line.Count; i++)
            {
                text.Append(line[i]);
                if (i < line.Count - 1) text.Append(' ', _widths[i] - Length(line[i]));
            }
            text.Append('\n');
        }
        return text.ToString();
    }

    private static int Length(string cell) => cell.EnumerateRunes().Count();
}
