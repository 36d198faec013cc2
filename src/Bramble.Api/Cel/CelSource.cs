using System.Text;

namespace Bramble.Api.Cel;

/// <summary>A fault of an expression's text. <c>Line</c> counts from 1, <c>Column</c> from 0, in code points.</summary>
internal readonly record struct CelIssue(int Line, int Column, string Message);

/// <summary>An expression's text as code points, and what is wrong with it, in the form of cel-go's errors.</summary>
internal sealed class CelSource
{
    private const int IssuesMax = 100;
    private const int ShownMax = 16384;

    private readonly List<CelIssue> _issues = [];
    private readonly List<int> _lines = [0];

    public CelSource(string text)
    {
        Text = text;
        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            points.Add(rune.Value);
            if (rune.Value == '\n') _lines.Add(points.Count);
        }
        Points = [.. points];
    }

    public string Text { get; }
    public int[] Points { get; }
    public bool HasIssues => _issues.Count > 0;

    /// <param name="at">Index of a code point.</param>
    public void Report(int at, string message)
    {
        var line = _lines.Count;
        while (line > 1 && _lines[line - 1] > at) line--;
        _issues.Add(new CelIssue(line, at - _lines[line - 1], message));
    }

    /// <summary>A fault of the whole text, without a place.</summary>
    public void ReportWhole(string message) => _issues.Add(new CelIssue(-1, -1, message));

    public string Slice(int start, int end)
    {
        var text = new StringBuilder();
        for (var i = start; i < end && i < Points.Length; i++) text.Append(Rune.IsValid(Points[i]) ? new Rune(Points[i]).ToString() : "\uFFFD");
        return text.ToString();
    }

    /// <summary>All issues in the order of their places, each with its line and a mark below it.</summary>
    public string Show()
    {
        var sorted = _issues.Take(IssuesMax).OrderBy(i => i.Line).ThenBy(i => i.Column).Select(Show).ToList();
        if (_issues.Count > IssuesMax) sorted.Add($"{_issues.Count - IssuesMax} more errors were truncated");
        return string.Join('\n', sorted);
    }

    private string Show(CelIssue issue)
    {
        var text = new StringBuilder($"ERROR: <input>:{issue.Line}:{issue.Column + 1}: {issue.Message}");
        if (issue.Line < 1 || Points.Length == 0) return text.ToString();
        var (start, end) = (_lines[issue.Line - 1], issue.Line < _lines.Count ? _lines[issue.Line] - 1 : Points.Length);
        var line = Slice(start, end).Replace('\t', ' ');
        if (Encoding.UTF8.GetByteCount(line) > ShownMax) return text.ToString();
        text.Append("\n | ").Append(line).Append("\n | ");
        for (var i = 0; i < issue.Column && start + i < end; i++) text.Append(Points[start + i] < 0x80 ? '.' : '\uff0e');
        return text.Append(start + issue.Column < end && Points[start + issue.Column] >= 0x80 ? '\uff3e' : '^').ToString();
    }
}
