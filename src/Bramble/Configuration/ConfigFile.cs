using Bramble.Flags;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Bramble.Configuration;

/// <summary>K3s' config file and its drop-ins as command-line words: <c>write-kubeconfig-mode: "0644"</c> becomes <c>--write-kubeconfig-mode=0644</c>. A later file
/// replaces a key, <c>key+</c> appends; keys keep the order in which they were first seen. A missing file is no error.</summary>
internal static class ConfigFile
{
    /// <exception cref="UsageException">Not a YAML map of scalars and lists.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        var values = new List<KeyValuePair<string, List<string>>>();
        foreach (var file in Files(path)) Merge(values, file);
        return [.. values.SelectMany(pair => pair.Value.Select(value => pair.Key.Length == 1 ? $"-{pair.Key}={value}" : $"--{pair.Key}={value}"))];
    }

    /// <summary>The keys of the words that are no flag of <paramref name="known"/>: K3s skips them with a warning.</summary>
    public static (IReadOnlyList<string> Words, IReadOnlyList<string> UnknownKeys) Known(IReadOnlyList<string> words, IReadOnlyList<Flag> known)
    {
        var names = known.SelectMany(flag => new[] { flag.Name }.Concat(flag.Aliases ?? [])).ToHashSet(StringComparer.Ordinal);
        string Key(string word) => word.TrimStart('-').Split('=', 2)[0];
        return ([.. words.Where(word => names.Contains(Key(word)))], [.. words.Select(Key).Where(key => !names.Contains(key)).Distinct()]);
    }

    private static IEnumerable<string> Files(string path)
    {
        if (File.Exists(path)) yield return path;
        var dropIns = path + ".d";
        if (!Directory.Exists(dropIns)) yield break;
        foreach (var file in Directory.EnumerateFiles(dropIns).Where(IsYaml).Order(StringComparer.Ordinal)) yield return file;
    }

    private static bool IsYaml(string file) =>
        file.EndsWith(".yaml", StringComparison.OrdinalIgnoreCase) || file.EndsWith(".yml", StringComparison.OrdinalIgnoreCase);

    private static void Merge(List<KeyValuePair<string, List<string>>> values, string file)
    {
        try
        {
            using var text = new StreamReader(file);
            var parser = new Parser(text);
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _)) return;
            parser.Consume<DocumentStart>();
            if (parser.Accept<Scalar>(out var only) && only.Value.Length == 0) return;
            parser.Consume<MappingStart>();
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = parser.Consume<Scalar>().Value;
                var list = ReadValue(parser, key);
                var appends = key.EndsWith('+');
                if (appends) key = key[..^1];
                var at = values.FindIndex(pair => pair.Key == key);
                if (at < 0) values.Add(new(key, list));
                else values[at] = new(key, appends ? [.. values[at].Value, .. list] : list);
            }
        }
        catch (YamlException error)
        {
            throw new UsageException($"{file}, line {error.Start.Line}: {error.InnerException?.Message ?? error.Message} The file must be a YAML map of flag names without dashes.");
        }
    }

    private static List<string> ReadValue(Parser parser, string key)
    {
        if (parser.TryConsume<Scalar>(out var scalar)) return [scalar.Value];
        if (!parser.TryConsume<SequenceStart>(out var start))
            throw new YamlException(parser.Current!.Start, parser.Current.End, $"\"{key}\" must be a text, a number, true/false or a list of these.");
        var list = new List<string>();
        while (!parser.TryConsume<SequenceEnd>(out _)) list.Add(parser.Consume<Scalar>().Value);
        return list;
    }
}
