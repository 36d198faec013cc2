using System.Globalization;

namespace Bramble.Kubectl;

/// <summary>One flag: its long name, its letter, whether a value follows.</summary>
/// <param name="ValueIfBare">What a flag with an optional value means without one (<c>--dry-run</c>); null: a value must follow.</param>
internal sealed record Flag(string Name, char Letter = '\0', bool TakesValue = true, string? ValueIfBare = null)
{
    public static Flag Switch(string name, char letter = '\0') => new(name, letter, TakesValue: false);
}

/// <summary>The words behind a command's name, taken apart: flags as kubectl (Cobra) reads them, and the rest.</summary>
internal sealed class Arguments
{
    private static readonly Flag[] Global =
    [
        new("kubeconfig"), new("context"), new("cluster"), new("user"), new("namespace", 'n'), new("server", 's'), new("token"), new("certificate-authority"),
        new("client-certificate"), new("client-key"), new("tls-server-name"), new("as"), new("as-group"), new("as-uid"), new("request-timeout"), new("v", 'v'),
        new("cache-dir"), new("warnings-as-errors", TakesValue: false), Flag.Switch("insecure-skip-tls-verify"), Flag.Switch("help", 'h'), Flag.Switch("match-server-version"),
    ];

    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);

    /// <summary>Words that are no flags.</summary>
    public List<string> Words { get; } = [];

    /// <summary>Words behind <c>--</c>; null without it.</summary>
    public List<string>? AfterDashes { get; private set; }

    public static Arguments Parse(string command, IReadOnlyList<string> words, params Flag[] flags)
    {
        var result = new Arguments();
        var known = flags.Concat(Global).ToArray();
        for (var i = 0; i < words.Count; i++)
        {
            var word = words[i];
            if (word == "--")
            {
                result.AfterDashes = [.. words.Skip(i + 1)];
                break;
            }
            if (word.StartsWith("--", StringComparison.Ordinal))
            {
                var equals = word.IndexOf('=');
                var name = equals < 0 ? word[2..] : word[2..equals];
                var flag = Array.Find(known, f => f.Name == name) ?? throw CommandFailure.Usage(command, $"unknown flag: --{name}");
                if (equals >= 0) result.Add(flag, word[(equals + 1)..]);
                else if (!flag.TakesValue) result.Add(flag, "true");
                else if (flag.ValueIfBare is { } bare) result.Add(flag, bare);
                else if (i + 1 < words.Count) result.Add(flag, words[++i]);
                else throw CommandFailure.Usage(command, $"flag needs an argument: --{name}");
            }
            else if (word.Length > 1 && word[0] == '-')
            {
                for (var at = 1; at < word.Length; at++)
                {
                    var letter = word[at];
                    var flag = Array.Find(known, f => f.Letter == letter) ?? throw CommandFailure.Usage(command, $"unknown shorthand flag: '{letter}' in {word}");
                    if (!flag.TakesValue)
                    {
                        result.Add(flag, "true");
                        continue;
                    }
                    var rest = word[(at + 1)..].TrimStart('=');
                    if (rest.Length > 0) result.Add(flag, rest);
                    else if (i + 1 < words.Count) result.Add(flag, words[++i]);
                    else throw CommandFailure.Usage(command, $"flag needs an argument: '{letter}' in {word}");
                    break;
                }
            }
            else
            {
                result.Words.Add(word);
            }
        }
        return result;
    }

    public string? Find(string flag) => _values.TryGetValue(flag, out var values) ? values[^1] : null;

    public string Text(string flag, string otherwise = "") => Find(flag) ?? otherwise;

    public IReadOnlyList<string> All(string flag) => _values.TryGetValue(flag, out var values) ? values : [];

    public bool IsSet(string flag) => Find(flag) is { } value && value != "false";

    public int? Number(string flag)
    {
        if (Find(flag) is not { } text) return null;
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new CommandFailure($"error: invalid argument \"{text}\" for \"--{flag}\" flag: strconv.ParseInt: parsing \"{text}\": invalid syntax");
    }

    private void Add(Flag flag, string value)
    {
        if (!_values.TryGetValue(flag.Name, out var values)) _values.Add(flag.Name, values = []);
        values.Add(value);
    }
}
