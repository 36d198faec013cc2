using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Catalog;

namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>What the parity corpus recorded of creates: which are right, and what a wrong one is told.</summary>
public partial class RecordedValidationTests
{
    private static string Here([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;

    public static TheoryData<string> Cases()
    {
        var cases = Path.GetFullPath(Path.Combine(Here(), "../../parity/cases"));
        var data = new TheoryData<string>();
        foreach (var area in (string[])["crud", "validation"])
            foreach (var file in Directory.EnumerateFiles(Path.Combine(cases, area), "*.json").Order(StringComparer.Ordinal)) data.Add(file);
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_create_is_told_what_was_recorded(string file)
    {
        var wrong = new StringBuilder();
        foreach (var step in JsonNode.Parse(Resolve(File.ReadAllText(file)))!["steps"]!.AsArray())
        {
            if (step!["method"]?.ToString() != "POST" || step["body"] is not JsonObject body || step["encoding"] is not null) continue;
            var status = step["expect"]?["status"]?.GetValue<int>();
            if (status is not (201 or 422)) continue;
            if (Collection().Match(step["path"]!.ToString()) is not { Success: true } path) continue;
            var (group, version, plural) = (path.Groups["group"].Value, path.Groups["version"].Value, path.Groups["plural"].Value);
            if (ApiCatalog.BuiltIn.Find(group, version, plural) is not { } resource || !StrategyRun.Knows(resource)) continue;
            var answer = step["expect"]!["body"];
            if (status == 422 && answer?["reason"]?.ToString() != "Invalid") continue;
            var expected = new List<string>();
            foreach (var cause in answer?["details"]?["causes"]?.AsArray() ?? []) expected.Add($"{cause!["field"]}: {cause["message"]}");
            // What is wrong with an expression is the compiler's to say.
            if (expected.Exists(line => line.Contains(".cel.expression:", StringComparison.Ordinal))) continue;
            var actual = StrategyRun.Create(resource, body);
            // The pipeline checks metadata before the strategy does.
            expected.RemoveAll(line => line.StartsWith("metadata.", StringComparison.Ordinal));
            actual.RemoveAll(line => line.StartsWith("metadata.", StringComparison.Ordinal));
            if (!expected.SequenceEqual(actual))
                wrong.Append(CultureInfo.InvariantCulture, $"\n{plural} {step["id"]}\n  want {string.Join("\n       ", expected)}\n  got  {string.Join("\n       ", actual)}");
        }

        Assert.True(wrong.Length == 0, wrong.ToString());
    }

    private static string Resolve(string text)
    {
        text = Repeat().Replace(text, match => string.Concat(Enumerable.Repeat(match.Groups[1].Value, int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture))));
        return text.Replace("${ns}", "par-0123456789", StringComparison.Ordinal).Replace("${hash}", "0123456789", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\$\{repeat:([^:}]+):(\d+)\}")]
    private static partial Regex Repeat();

    [GeneratedRegex("^/(api|apis/(?<group>[^/]+))/(?<version>[^/]+)(/namespaces/[^/]+)?/(?<plural>[a-z]+)$")]
    private static partial Regex Collection();
}
