using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Warnings about volumes that are told to write one path twice, or a file where a folder must be (upstream's warningsForOverlappingVirtualPaths).</summary>
internal static class OverlappingPaths
{
    private readonly record struct Target(string Path, string Source)
    {
        public override string ToString() => Source.Length > 0 ? $"{FieldError.Quote(Path)} ({Source})" : FieldError.Quote(Path);

        public bool Overlaps(Target other) =>
            Path.Length > 0 && other.Path.Length > 0
            && ((other.Path + "/").StartsWith(Path + "/", StringComparison.Ordinal) || (Path + "/").StartsWith(other.Path + "/", StringComparison.Ordinal));
    }

    public static void Add(JsonObject spec, List<string> warnings)
    {
        foreach (var (_, volume) in spec.Items("volumes"))
        {
            var name = FieldError.Quote(volume.Text("name"));
            foreach (var (source, shown) in (ReadOnlySpan<(string, string?)>)
                     [
                         ("configMap", $"ConfigMap {FieldError.Quote(volume.Text("configMap", "name"))}"), ("secret", $"Secret {FieldError.Quote(volume.Text("secret", "secretName"))}"),
                         ("downwardAPI", "DownwardAPI"),
                     ])
            {
                var seen = new List<Target>();
                foreach (var target in Items(volume.Object(source), "")) Compare(target, seen, name, shown!, warnings);
            }

            if (volume.Object("projected") is { } projected) Projected(projected, name, warnings);
        }
    }

    private static void Projected(JsonObject projected, string name, List<string> warnings)
    {
        var seen = new List<Target>();
        foreach (var (_, source) in projected.Items("sources"))
        {
            if (source.All(member => member.Value is null))
            {
                warnings.Add($"volume {name} (Projected) has no sources provided");
                continue;
            }

            foreach (var target in Targets(source)) Compare(target, seen, name, "Projected", warnings);
        }
    }

    private static IEnumerable<Target> Targets(JsonObject source)
    {
        if (source.Object("configMap").Has("items")) return Items(source.Object("configMap"), $"ConfigMap {FieldError.Quote(source.Text("configMap", "name"))}");
        if (source.Object("secret").Has("items")) return Items(source.Object("secret"), $"Secret {FieldError.Quote(source.Text("secret", "name"))}");
        if (source.Object("downwardAPI").Has("items")) return Items(source.Object("downwardAPI"), "DownwardAPI");
        return source.Object("serviceAccountToken") is { } token ? [new(token.Text("path"), "ServiceAccountToken")] : [];
    }

    private static IEnumerable<Target> Items(JsonObject? source, string shown)
    {
        foreach (var item in source.Array("items") ?? []) yield return new((item as JsonObject).Text("path"), shown);
    }

    private static void Compare(Target target, List<Target> seen, string volume, string source, List<string> warnings)
    {
        target = target with { Path = target.Path.TrimEnd('/') };
        foreach (var other in seen)
            if (target.Overlaps(other)) warnings.Add($"volume {volume} ({source}): overlapping paths: {target} with {other}");
        seen.Add(target);
    }
}
