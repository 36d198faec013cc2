using System.Text;

namespace Bramble.ApiServer.Requests;

/// <summary>The query of a request: names with their values in order. Immutable.</summary>
public sealed class QueryParameters
{
    public static readonly QueryParameters Empty = new([]);
    private readonly KeyValuePair<string, string>[] _pairs;

    public QueryParameters(IEnumerable<KeyValuePair<string, string>> pairs) => _pairs = [.. pairs];

    public bool IsEmpty => _pairs.Length == 0;

    /// <summary>First value of a name, "" when it is not there.</summary>
    public string this[string name] => Find(name) ?? "";

    /// <summary>First value of a name, null when it is not there.</summary>
    public string? Find(string name)
    {
        foreach (var pair in _pairs)
            if (pair.Key == name) return pair.Value;
        return null;
    }

    public IEnumerable<string> All(string name) => _pairs.Where(p => p.Key == name).Select(p => p.Value);

    /// <summary>Go's query booleans: there and neither "false", "0" is true (apimachinery's conversion of string slices).</summary>
    public bool IsTrue(string name) => Find(name) is { } value && !value.Equals("false", StringComparison.OrdinalIgnoreCase) && value != "0";

    /// <summary>Reads a query string with or without its question mark. Pairs with broken escapes are left out, as Go's url.Query does.</summary>
    public static QueryParameters Parse(string query)
    {
        if (query.StartsWith('?')) query = query[1..];
        if (query.Length == 0) return Empty;
        var pairs = new List<KeyValuePair<string, string>>();
        foreach (var part in query.Split('&'))
        {
            if (part.Length == 0 || part.Contains(';')) continue;
            var equals = part.IndexOf('=');
            var name = equals < 0 ? part : part[..equals];
            var value = equals < 0 ? "" : part[(equals + 1)..];
            if (TryUnescape(name, out var plainName) && TryUnescape(value, out var plainValue)) pairs.Add(new(plainName, plainValue));
        }
        return new QueryParameters(pairs);
    }

    private static bool TryUnescape(string text, out string plain)
    {
        plain = text;
        if (text.AsSpan().IndexOfAny('%', '+') < 0) return true;
        var bytes = new List<byte>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '+') bytes.Add((byte)' ');
            else if (text[i] != '%') bytes.AddRange(Encoding.UTF8.GetBytes(text, i, 1));
            else if (i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]))
            {
                bytes.Add(Convert.FromHexString(text.AsSpan(i + 1, 2))[0]);
                i += 2;
            }
            else return false;
        }
        plain = Encoding.UTF8.GetString([.. bytes]);
        return true;
    }
}
