using System.Text;

namespace Bramble.Kubelet.Containers;

/// <summary><c>$(VAR)</c> in commands, arguments and environment values. <c>$$</c> is a dollar sign; an unknown name stays as it is written. Pure.</summary>
internal static class Expansion
{
    public static string Expand(string text, Func<string, string?> variable)
    {
        if (!text.Contains('$')) return text;
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '$' || i + 1 >= text.Length)
            {
                result.Append(text[i]);
                continue;
            }
            var next = text[i + 1];
            if (next == '$')
            {
                result.Append('$');
                i++;
                continue;
            }
            var close = next == '(' ? text.IndexOf(')', i + 2) : -1;
            if (close < 0)
            {
                // "$x" and an unclosed "$(" are only text.
                result.Append('$').Append(next);
                i++;
                continue;
            }
            var name = text[(i + 2)..close];
            result.Append(variable(name) ?? $"$({name})");
            i = close;
        }
        return result.ToString();
    }
}
