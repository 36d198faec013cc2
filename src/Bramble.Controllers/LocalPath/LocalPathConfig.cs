using System.Text.Json;
using System.Text.Json.Nodes;

namespace Bramble.Controllers.LocalPath;

/// <summary>Where local volumes may lie, node by node: config.json of the ConfigMap local-path-config, in the form and with the rules of K3s'
/// local-path-provisioner. Pure.</summary>
internal sealed record LocalPathConfig(IReadOnlyDictionary<string, IReadOnlyList<string>> Paths)
{
    /// <summary>Stands for every node that has no entry of its own.</summary>
    public const string OtherNodes = "DEFAULT_PATH_FOR_NON_LISTED_NODES";

    /// <summary>The key in the ConfigMap.</summary>
    public const string Key = "config.json";

    /// <summary>What the ConfigMap says when nobody has changed it.</summary>
    public static string Initial(string path) =>
        $$"""
        {
          "nodePathMap":[
          {
            "node":"{{OtherNodes}}",
            "paths":["{{JsonEncodedText.Encode(path)}}"]
          }
          ]
        }
        """;

    /// <exception cref="FormatException">Not such a configuration; the message says why.</exception>
    public static LocalPathConfig Parse(string json)
    {
        JsonArray? map;
        try
        {
            map = JsonNode.Parse(json)?["nodePathMap"] as JsonArray;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new FormatException(e.Message, e);
        }
        var paths = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var entry in (map ?? []).OfType<JsonObject>())
        {
            var node = Text(entry["node"]);
            if (!paths.TryAdd(node, PathsOf(entry["paths"] as JsonArray ?? [], node))) throw new FormatException($"duplicate node {node}");
        }
        return new LocalPathConfig(paths);
    }

    /// <param name="asked">The class wants this one of the node's paths; null: any.</param>
    /// <param name="choose">One of so many, counted from 0.</param>
    /// <exception cref="FormatException">No path there, in the provisioner's words.</exception>
    public string PathOn(string node, string? asked, Func<int, int> choose)
    {
        if (!Paths.TryGetValue(node, out var paths) && !Paths.TryGetValue(OtherNodes, out paths))
            throw new FormatException($"config doesn't contain node {node}, and no {OtherNodes} available");
        if (paths.Count == 0) throw new FormatException($"no local path available on node {node}");
        if (string.IsNullOrEmpty(asked)) return paths[paths.Count == 1 ? 0 : choose(paths.Count)];
        return paths.Contains(asked) ? asked : throw new FormatException($"config doesn't contain path {asked} on node {node}");
    }

    private static List<string> PathsOf(JsonArray given, string node)
    {
        var paths = new List<string>();
        foreach (var item in given)
        {
            var path = Text(item);
            if (!path.StartsWith('/')) throw new FormatException($"path must start with / for path {path} on node {node}");
            path = Path.GetFullPath(path).TrimEnd('/');
            if (path.Length == 0) throw new FormatException($"cannot use root ('/') as path on node {node}");
            if (paths.Contains(path)) throw new FormatException($"duplicate path {path} on node {node}");
            paths.Add(path);
        }
        return paths;
    }

    private static string Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";
}
