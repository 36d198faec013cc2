using System.Text.RegularExpressions;

namespace Bramble.Tests.Documentation;

/// <summary>What README and docs/ name is there.</summary>
public sealed partial class PathTests
{
    [GeneratedRegex(@"`((?:src|tests|bench|packaging|docs)/[A-Za-z0-9_./-]+)[ `]")]
    private static partial Regex Named();

    [Fact]
    public void Every_path_that_a_page_names_exists()
    {
        var top = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(top.FullName, "Bramble.slnx"))) top = top.Parent!;
        string[] pages = [Path.Combine(top.FullName, "README.md"), .. Directory.EnumerateFiles(Path.Combine(top.FullName, "docs"), "*.md", SearchOption.AllDirectories)];
        var named = pages.SelectMany(page => Named().Matches(File.ReadAllText(page)).Select(match => (Page: Path.GetRelativePath(top.FullName, page), Path: match.Groups[1].Value))).ToList();
        Assert.True(named.Count > 10, "the pages name few paths: does the pattern still fit?");
        Assert.Empty(named.Where(one => !Path.Exists(Path.Combine(top.FullName, one.Path))).Select(one => $"{one.Page}: {one.Path}"));
    }
}
