using System.Globalization;

namespace Bramble.Flags;

/// <summary>The values of one command line, by K3s' rules: <c>--flag value</c>, <c>--flag=value</c>, one dash or two; lists repeat and are not split at commas;
/// the last scalar wins; the environment counts only for flags that are not given.</summary>
internal sealed class FlagSet
{
    private readonly Dictionary<string, List<string>> _given = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Flag> _known = new(StringComparer.Ordinal);
    private readonly Func<string, string?> _variable;

    private FlagSet(IEnumerable<Flag> flags, Func<string, string?> variable)
    {
        _variable = variable;
        foreach (var flag in flags)
        {
            _known[flag.Name] = flag;
            foreach (var alias in flag.Aliases ?? []) _known[alias] = flag;
        }
    }

    /// <summary>The words as they were given, the config file's among them.</summary>
    public IReadOnlyList<string> Line { get; private init; } = [];

    /// <summary>The environment's variables with a prefix.</summary>
    public static IReadOnlyDictionary<string, string> Variables(string prefix) => Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
        .Where(entry => entry.Key is string name && name.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(entry => (string)entry.Key, entry => (string)(entry.Value ?? ""));

    /// <summary>Arguments that are no flags.</summary>
    public List<string> Arguments { get; } = [];

    /// <exception cref="UsageException">Unknown flag, missing value, wrong type.</exception>
    public static FlagSet Parse(IEnumerable<Flag> flags, IReadOnlyList<string> line, Func<string, string?> variable)
    {
        var set = new FlagSet(flags, variable) { Line = line };
        for (var i = 0; i < line.Count; i++)
        {
            var word = line[i];
            if (word == "--")
            {
                set.Arguments.AddRange(line.Skip(i + 1));
                break;
            }
            if (word.Length < 2 || word[0] != '-')
            {
                set.Arguments.Add(word);
                continue;
            }
            var text = word.TrimStart('-');
            var equals = text.IndexOf('=');
            var name = equals < 0 ? text : text[..equals];
            var flag = set._known.GetValueOrDefault(name) ?? throw new UsageException(set.Unknown(name));
            if (flag.Missing is { } missing) throw new UsageException($"--{flag.Name} is a K3s flag that Bramble does not have yet: {missing}");
            string value;
            if (equals >= 0) value = text[(equals + 1)..];
            else if (flag.Kind == FlagKind.Switch) value = "true";
            else if (i + 1 < line.Count) value = line[++i];
            else throw new UsageException($"--{flag.Name} needs a value: --{flag.Name} {Example(flag)}");
            set.Add(flag, value, $"--{flag.Name}");
        }
        return set;
    }

    public bool IsGiven(Flag flag) => _given.ContainsKey(flag.Name) || FromEnvironment(flag) is not null;

    public string? Text(Flag flag) => _given.TryGetValue(flag.Name, out var values) ? values[^1] : FromEnvironment(flag) ?? flag.Default;

    public string Text(Flag flag, string otherwise) => Text(flag) is { Length: > 0 } value ? value : otherwise;

    public bool Switch(Flag flag) => Text(flag) is { } value && ParseSwitch(value) == true;

    public int Number(Flag flag) => int.Parse(Text(flag)!, CultureInfo.InvariantCulture);

    /// <summary>All values in order; the environment's one value when none is given.</summary>
    public IReadOnlyList<string> List(Flag flag) =>
        _given.TryGetValue(flag.Name, out var values) ? values : FromEnvironment(flag) is { } value ? [value] : flag.Default is { } standard ? [standard] : [];

    /// <summary>All values, each split at commas (for the flags where K3s' code does so).</summary>
    public IReadOnlyList<string> Split(Flag flag) =>
        [.. List(flag).SelectMany(value => value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];

    private string? FromEnvironment(Flag flag)
    {
        if (flag.Variable is not { } name || _variable(name) is not { Length: > 0 } value) return null;
        Check(flag, value, name);
        return value;
    }

    private void Add(Flag flag, string value, string shown)
    {
        Check(flag, value, shown);
        if (!_given.TryGetValue(flag.Name, out var values)) _given[flag.Name] = values = [];
        values.Add(value);
    }

    private static void Check(Flag flag, string value, string shown)
    {
        var isRight = flag.Kind switch
        {
            FlagKind.Switch => ParseSwitch(value) is not null,
            FlagKind.Number => int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _),
            _ => true,
        };
        if (!isRight) throw new UsageException($"{shown}: \"{value}\" is not {(flag.Kind == FlagKind.Switch ? "true or false" : "a whole number")}");
    }

    private static bool? ParseSwitch(string value) => value switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => null,
    };

    private static string Example(Flag flag) => flag.Kind switch { FlagKind.Number => "6443", FlagKind.Duration => "10m", _ => "VALUE" };

    private string Unknown(string name)
    {
        var nearest = _known.Keys.Where(known => known.Length > 1).MinBy(known => Distance(known, name));
        var hint = nearest is not null && Distance(nearest, name) <= Math.Max(2, name.Length / 3) ? $"; did you mean --{nearest}?" : "; --help lists all";
        return $"unknown flag --{name}{hint}";
    }

    /// <summary>Levenshtein's distance: how many letters differ.</summary>
    internal static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[b.Length];
    }
}
