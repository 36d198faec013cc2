using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Catalog;
using Bramble.Api.Decoding;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>The normal form made in place is the one the decoder makes of the text: held against every recorded create, with its defaults.</summary>
public partial class NormalFormTests
{
    private static readonly IReadOnlyDictionary<Bramble.Api.Naming.GroupResource, KindStrategy> All =
        BuiltInStrategies.All(ServiceNetwork.Default, () => throw new InvalidOperationException());

    private static string Here([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;

    [Fact]
    public void In_place_and_by_text_agree()
    {
        var count = 0;
        foreach (var file in Directory.EnumerateFiles(Path.GetFullPath(Path.Combine(Here(), "../../parity/cases/crud")), "*.json"))
            foreach (var step in JsonNode.Parse(File.ReadAllText(file))!["steps"]!.AsArray())
            {
                if (step!["method"]?.ToString() != "POST" || step["body"] is not JsonObject body || Collection().Match(step["path"]!.ToString()) is not { Success: true } path) continue;
                if (ApiCatalog.BuiltIn.Find(path.Groups["group"].Value, path.Groups["version"].Value, path.Groups["plural"].Value) is not { } resource) continue;
                if (!All.TryGetValue(resource.GroupResource, out var strategy) || resource.StorageKind != resource.GroupVersionKind) continue;
                var type = BuiltInSchemas.FindKind(resource.GroupVersionKind)!;
                var obj = ObjectDecoder.Decode(Encoding.UTF8.GetBytes(body.ToJsonString()), BodyFormat.Json, type, resource.GroupVersionKind, FieldValidation.Ignore).Tree;
                strategy.Default(obj);
                var byText = Encoding.UTF8.GetString(TreeText.Write(Normalizer.Normalize(obj, type)).Span);
                Assert.Equal(byText, Encoding.UTF8.GetString(TreeText.Write(Normalizer.NormalizeOwn(obj, type)).Span));
                count++;
            }
        Assert.True(count > 80, $"only {count} creates were looked at");
    }

    [GeneratedRegex("^/(api|apis/(?<group>[^/]+))/(?<version>[^/]+)(/namespaces/[^/]+)?/(?<plural>[a-z]+)$")]
    private static partial Regex Collection();
}
