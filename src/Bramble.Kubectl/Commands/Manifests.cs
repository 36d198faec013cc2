using System.Text.Json.Nodes;
using Bramble.Api.Decoding;

namespace Bramble.Kubectl.Commands;

/// <summary>One object of a file, and the name of the file for messages.</summary>
internal sealed record Manifest(JsonObject Object, string Source);

/// <summary>Reads what <c>-f</c> names: files, folders, <c>-</c> for standard input.</summary>
internal static class Manifests
{
    public static IReadOnlyList<Manifest> Read(IReadOnlyList<string> sources, bool isRecursive)
    {
        var manifests = new List<Manifest>();
        foreach (var source in sources.SelectMany(s => s.Split(',')))
        {
            if (source == "-")
            {
                Add(manifests, Console.In.ReadToEnd(), "STDIN");
            }
            else if (source.StartsWith("http://", StringComparison.Ordinal) || source.StartsWith("https://", StringComparison.Ordinal))
            {
                throw new CommandFailure($"error: reading {source}: Bramble's kubectl reads files only; use the ordinary kubectl for URLs");
            }
            else if (Directory.Exists(source))
            {
                var files = Directory.EnumerateFiles(source, "*", isRecursive ? SearchOption.AllDirectories : SearchOption.TopDirectoryOnly)
                    .Where(f => Path.GetExtension(f) is ".json" or ".yaml" or ".yml").Order(StringComparer.Ordinal).ToList();
                if (files.Count == 0) throw new CommandFailure($"error: error reading [{source}]: recognized file extensions are [.json .yaml .yml]");
                foreach (var file in files) Add(manifests, File.ReadAllText(file), file);
            }
            else if (File.Exists(source))
            {
                Add(manifests, File.ReadAllText(source), source);
            }
            else
            {
                throw new CommandFailure($"error: the path \"{source}\" does not exist");
            }
        }
        if (manifests.Count == 0) throw new CommandFailure("error: no objects passed to apply");
        return manifests;
    }

    private static void Add(List<Manifest> manifests, string text, string source)
    {
        try
        {
            foreach (var node in YamlDocuments.Read(text))
            {
                if (node is not JsonObject obj) throw new CommandFailure($"error: error parsing {source}: a document is not an object");
                if ((string?)obj["kind"] is { } kind && kind.EndsWith("List", StringComparison.Ordinal) && obj["items"] is JsonArray items)
                    foreach (var item in items) manifests.Add(new((JsonObject)item!.DeepClone(), source));
                else
                    manifests.Add(new(obj, source));
            }
        }
        catch (FormatException failed)
        {
            throw new CommandFailure($"error: error parsing {source}: error converting YAML to JSON: {failed.Message}");
        }
    }
}
