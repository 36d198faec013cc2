using System.Text;
using System.Text.RegularExpressions;

namespace Bramble.Api.Selectors;

/// <summary>What a label's key and value may be, with upstream's complaints (apimachinery's validate/content).</summary>
public static partial class LabelRules
{
    private const int LengthMax = 63;
    private const string KeyFormat = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
    private const string SubdomainFormat = @"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

    private const string KeyMessage = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
        + $" (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{KeyFormat}')";

    [GeneratedRegex($"^{KeyFormat}\\z")]
    private static partial Regex KeyPattern();

    [GeneratedRegex($"^({KeyFormat})?\\z")]
    private static partial Regex ValuePattern();

    [GeneratedRegex($"^{SubdomainFormat}\\z")]
    private static partial Regex SubdomainPattern();

    /// <summary>What is wrong with a key; empty when it is right.</summary>
    public static IReadOnlyList<string> KeyErrors(string key)
    {
        var errors = new List<string>();
        var parts = key.Split('/');
        if (parts.Length > 2)
            return [$"a valid label key {KeyMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"];
        if (parts.Length == 2)
        {
            var prefix = parts[0];
            if (prefix.Length == 0)
                errors.Add("prefix part must be non-empty");
            else
            {
                if (Encoding.UTF8.GetByteCount(prefix) > 253) errors.Add("prefix part must be no more than 253 bytes");
                if (!SubdomainPattern().IsMatch(prefix))
                    errors.Add("prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
                        + $"alphanumeric character (e.g. 'example.com', regex used for validation is '{SubdomainFormat}')");
            }
        }
        var name = parts[^1];
        if (name.Length == 0) errors.Add("name part must be non-empty");
        else if (Encoding.UTF8.GetByteCount(name) > LengthMax) errors.Add($"name part must be no more than {LengthMax} bytes");
        if (!KeyPattern().IsMatch(name)) errors.Add("name part " + KeyMessage);
        return errors;
    }

    /// <summary>What is wrong with a value; empty when it is right.</summary>
    public static IReadOnlyList<string> ValueErrors(string value)
    {
        var errors = new List<string>();
        if (Encoding.UTF8.GetByteCount(value) > LengthMax) errors.Add($"must be no more than {LengthMax} bytes");
        if (!ValuePattern().IsMatch(value))
            errors.Add("a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
                + $"(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '({KeyFormat})?')");
        return errors;
    }
}
