using System.Text;

namespace Bramble.Kubelet.Containers;

/// <summary>A file of variables that an init container writes for later ones (<c>fileKeyRef</c>, KEP-3721): lines <c>NAME='value'</c>, a value may go over several,
/// comments begin with #. A small part of a shell's rules, of which it never means something else. Pure.</summary>
internal static class EnvFile
{
    /// <returns>Null: the variable is not there, or a shell would find it empty.</returns>
    /// <exception cref="ContainerConfigException">The file is not one, as far as it was read.</exception>
    public static string? Find(string text, string key)
    {
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = Line(i).TrimStart(' ', '\t');
            if (line.Length == 0 || line[0] == '#') continue;
            var equals = line.IndexOf('=');
            if (equals < 0) throw Invalid($"at line {i + 1}: missing '='");
            var name = line[..equals].TrimEnd(' ', '\t');
            if (name.Length == 0) throw Invalid($"at line {i + 1}: empty variable name");
            if (name.Length < equals) throw Invalid($"at line {i + 1}: whitespace before '=' is not allowed");
            var rest = line[(equals + 1)..];
            if (rest.Length > 0 && rest[0] is ' ' or '\t')
            {
                // NAME= 'value' gives a shell an empty NAME.
                if (name == key) return null;
                continue;
            }
            if (!rest.StartsWith('\'')) throw Invalid($"at line {i + 1}: value must be enclosed in single quotes");
            rest = rest[1..];
            var (first, value) = (i + 1, new StringBuilder());
            int quote;
            while ((quote = rest.IndexOf('\'')) < 0)
            {
                value.Append(rest).Append('\n');
                if (++i >= lines.Length) throw Invalid($"starting at line {first}: unclosed single quote");
                rest = Line(i);
            }
            value.Append(rest.AsSpan(0, quote));
            var after = rest[(quote + 1)..].TrimStart(' ', '\t');
            if (after.Length > 0 && after[0] != '#') throw Invalid($"at line {i + 1}: unexpected content after closing quote");
            if (name == key) return value.Length == 0 ? null : value.ToString();
        }
        return null;

        string Line(int at) => lines[at].EndsWith('\r') ? lines[at][..^1] : lines[at];
    }

    private static ContainerConfigException Invalid(string why) => new($"invalid environment variable format {why}");
}
