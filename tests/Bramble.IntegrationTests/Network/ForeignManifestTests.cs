using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Other CNIs and load balancers take the place of ours: their manifests are applied both ways, and nothing of them is lost. Those in the folder
/// Manifests are ours, of the shape of theirs; what lies in artifacts/manifests (calico.yaml of a release, say) is tried as well.</summary>
public sealed class ForeignManifestTests(ITestOutputHelper output)
{
    // What upstream's server says of these manifests too.
    private static readonly string[] UpstreamsWarnings = ["unrecognized format \"cidr\""];

    private static IEnumerable<string> Files => new[] { "tests/Bramble.IntegrationTests/Manifests", "artifacts/manifests" }
        .Select(folder => Path.Combine(TestFiles.Repository, folder)).Where(Directory.Exists).SelectMany(folder => Directory.EnumerateFiles(folder, "*.yaml")).Order();

    [Fact]
    public async Task Every_object_is_stored_as_it_was_applied()
    {
        await using var cluster = await Cluster.StartWithoutReadyNode("foreign", 24, "--flannel-backend=none", "--disable-network-policy", "--disable", "servicelb");
        foreach (var file in Files)
        {
            var objects = await Objects(cluster, file);
            // kubectl keeps what it applied in an annotation, which a definition of more than 256 KiB does not fit: such files are for --server-side.
            var fits = objects.All(o => o.ToJsonString().Length < 256 * 1024);
            foreach (var mode in (string[])[.. fits ? ["client"] : Array.Empty<string>(), "server"])
            {
                var applied = await cluster.TryKubectl(["apply", "-f", file, .. mode == "server" ? ["--server-side"] : Array.Empty<string>()]);
                applied.Succeeded();
                Assert.All(applied.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries), warning => Assert.Contains(UpstreamsWarnings, w => warning == $"Warning: {w}"));
                foreach (var wanted in objects)
                {
                    var stored = await Stored(cluster, wanted);
                    var lost = Lost(wanted, stored, "");
                    Assert.True(lost.Count == 0, $"{Path.GetFileName(file)} ({mode}): {Id(wanted)}: {string.Join("; ", lost)}");
                    if (Kind(wanted) == "CustomResourceDefinition") await cluster.Kubectl("wait", "--for=condition=Established", "--timeout=10s", $"crd/{Name(wanted)}");
                    if (Kind(wanted) != "DaemonSet") continue;
                    // Only what tolerates a node without a network has a pod on it.
                    var runsHere = wanted["spec"]!["template"]!["spec"]!["tolerations"]?.AsArray().Any(t => t!["key"] is null && (string?)t["operator"] == "Exists") == true;
                    await Eventually.Becomes(() => cluster.Kubectl("get", "daemonset", Name(wanted), "-n", (string)wanted["metadata"]!["namespace"]!, "-o", "jsonpath={.status.currentNumberScheduled}"),
                        count => count == (runsHere ? "1" : "0"), $"the pods of {Id(wanted)}");
                }
                output.WriteLine($"{Path.GetFileName(file)}, {mode}-side: {objects.Count} objects");
                await cluster.TryKubectl("delete", "-f", file, "--ignore-not-found", "--timeout=60s");
                await Eventually.Becomes(() => cluster.Kubectl("get", "-f", file, "--ignore-not-found", "-o", "name"), left => left == "", $"nothing is left of {file}");
            }
        }
    }

    private static string Kind(JsonNode o) => (string)o["kind"]!;

    private static string Name(JsonNode o) => (string)o["metadata"]!["name"]!;

    private static string Id(JsonNode o) => $"{Kind(o)} {Name(o)}";

    // kubectl reads the file; it writes one JSON document after the other.
    private static async Task<List<JsonNode>> Objects(Cluster cluster, string file)
    {
        var text = Encoding.UTF8.GetBytes(await cluster.Kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", file));
        var reader = new Utf8JsonReader(text, new JsonReaderOptions { AllowMultipleValues = true });
        var objects = new List<JsonNode>();
        while (reader.Read()) objects.Add(JsonNode.Parse(ref reader)!);
        return objects;
    }

    private static async Task<JsonNode> Stored(Cluster cluster, JsonNode wanted)
    {
        var group = ((string)wanted["apiVersion"]!).Split('/') is [var g, _] ? "." + g : "";
        var ns = (string?)wanted["metadata"]!["namespace"];
        return await cluster.Get([$"{Kind(wanted)}{(group == "" ? "" : "." + ((string)wanted["apiVersion"]!).Split('/')[1] + group)}", Name(wanted), .. ns is null ? Array.Empty<string>() : ["-n", ns]]);
    }

    /// <summary>What of <paramref name="wanted"/> is not in <paramref name="stored"/>. Zero values may be left out, as Go's types do; a quantity is text.</summary>
    private static List<string> Lost(JsonNode? wanted, JsonNode? stored, string path)
    {
        switch (wanted)
        {
            case null or JsonObject { Count: 0 } or JsonArray { Count: 0 }:
                return [];
            case JsonObject map:
                return [.. map.Where(m => path != "" || m.Key != "status").SelectMany(m => Lost(m.Value, (stored as JsonObject)?[m.Key], $"{path}.{m.Key}"))];
            case JsonArray list:
                if (stored is not JsonArray other || other.Count != list.Count) return [$"{path}: {wanted.ToJsonString()} became {stored?.ToJsonString()}"];
                return [.. list.Index().SelectMany(i => Lost(i.Item, other[i.Index], $"{path}[{i.Index}]"))];
            default:
                var isZero = stored is null && wanted.ToJsonString() is "0" or "false" or "\"\"";
                var isQuantity = path.Contains(".resources.", StringComparison.Ordinal) && stored?.ToString() == wanted.ToString();
                return isZero || isQuantity || JsonNode.DeepEquals(wanted, stored) ? [] : [$"{path}: {wanted.ToJsonString()} became {stored?.ToJsonString()}"];
        }
    }
}
