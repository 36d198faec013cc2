using System.Text;

namespace Bramble.Kubectl.Output;

/// <summary>Text whose columns are separated by tabs and aligned over neighbouring lines, as Go's tabwriter does with padding 2 (kubectl describe).</summary>
internal sealed class TabbedText
{
    private const int Padding = 2;

    private readonly List<string[]> _lines = [];

    /// <param name="level">Indentation in steps of two spaces.</param>
    public void Line(int level, string text) => _lines.Add((new string(' ', level * 2) + text).Split('\t'));

    public override string ToString()
    {
        var widths = _lines.Select(l => new int[Math.Max(0, l.Length - 1)]).ToList();
        Align(0, _lines.Count, 0, widths);
        var text = new StringBuilder();
        for (var i = 0; i < _lines.Count; i++)
        {
            for (var cell = 0; cell < _lines[i].Length; cell++)
            {
                text.Append(_lines[i][cell]);
                if (cell < _lines[i].Length - 1) text.Append(' ', Math.Max(0, widths[i][cell] - _lines[i][cell].Length));
            }
            text.Append('\n');
        }
        return text.ToString();
    }

    // A column is as wide as its widest cell in a run of lines that all have it; inside the run the next column is treated the same way.
    private void Align(int from, int to, int column, List<int[]> widths)
    {
        for (var i = from; i < to; i++)
        {
            if (column >= _lines[i].Length - 1) continue;
            var end = i;
            var width = 0;
            var isEmpty = true;
            for (; end < to && column < _lines[end].Length - 1; end++)
            {
                var length = _lines[end][column].Length;
                width = Math.Max(width, length + Padding);
                isEmpty &= length == 0;
            }
            if (isEmpty) width = Padding;
            for (var line = i; line < end; line++) widths[line][column] = width;
            Align(i, end, column + 1, widths);
            i = end - 1;
        }
    }
}
