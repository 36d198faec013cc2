using System.Text;
using System.Text.RegularExpressions;

namespace Bramble.Api.Naming;

/// <summary>The formats of texts in API objects with upstream's messages (apimachinery util/validation and api/validate/content).
/// Each rule answers its complaints; a right value allocates nothing.</summary>
public static partial class Formats
{
    private const string LabelFormat = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
    private const string SubdomainFormat = LabelFormat + @"(\." + LabelFormat + ")*";
    private const string UnderscoreLabelFormat = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
    private const string UnderscoreSubdomainFormat = UnderscoreLabelFormat + @"(\." + UnderscoreLabelFormat + ")*";
    private const string Dns1035Format = "[a-z]([-a-z0-9]*[a-z0-9])?";
    private const string WildcardFormat = @"\*\." + SubdomainFormat;
    private const string LabelKeyFormat = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
    private const string LabelValueFormat = "(" + LabelKeyFormat + ")?";
    private const string EnvNameFormat = "[-._a-zA-Z][-._a-zA-Z0-9]*";
    private const string ConfigKeyFormat = "[-._a-zA-Z0-9]+";
    private const string HeaderNameFormat = "[-A-Za-z0-9]+";
    private const string PercentFormat = "[0-9]+%";
    private const string HttpPathFormat = @"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+";
    private const string CIdentifierFormat = "[A-Za-z_][A-Za-z0-9_]*";

    private const string LabelMessage =
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
    private const string SubdomainMessage =
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
    private const string LabelKeyMessage = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

    public static IReadOnlyList<string> DnsSubdomain(string value)
    {
        if (value.Length <= 253 && Subdomain().IsMatch(value)) return [];
        var errors = new List<string>();
        if (Bytes(value) > 253) errors.Add(TooLong(253));
        if (!Subdomain().IsMatch(value)) errors.Add(Mismatch(SubdomainMessage, SubdomainFormat, "example.com"));
        return errors;
    }

    public static IReadOnlyList<string> DnsSubdomainCaseless(string value)
    {
        var errors = new List<string>();
        if (Bytes(value) > 253) errors.Add($"must be no more than {253} bytes");
        if (!Subdomain().IsMatch(value.ToLowerInvariant()))
            errors.Add(Mismatch(
                "an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
                SubdomainFormat,
                "Example.com"));
        return errors;
    }

    public static IReadOnlyList<string> DnsSubdomainWithUnderscore(string value)
    {
        var errors = new List<string>();
        if (Bytes(value) > 253) errors.Add(TooLong(253));
        if (!UnderscoreSubdomain().IsMatch(value))
            errors.Add(Mismatch(
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
                UnderscoreSubdomainFormat,
                "example.com"));
        return errors;
    }

    public static IReadOnlyList<string> DnsLabel(string value)
    {
        if (value.Length <= 63 && Label().IsMatch(value)) return [];
        var errors = new List<string>();
        if (Bytes(value) > 63) errors.Add(TooLong(63));
        if (!Label().IsMatch(value))
            errors.Add(Subdomain().IsMatch(value) ? "must not contain dots" : Mismatch(LabelMessage, LabelFormat, "my-name", "123-abc"));
        return errors;
    }

    public static IReadOnlyList<string> Dns1035Label(string value)
    {
        if (value.Length <= 63 && Dns1035().IsMatch(value)) return [];
        var errors = new List<string>();
        if (Bytes(value) > 63) errors.Add(TooLong(63));
        if (!Dns1035().IsMatch(value))
            errors.Add(Mismatch(
                "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
                Dns1035Format,
                "my-name",
                "abc-123"));
        return errors;
    }

    public static IReadOnlyList<string> WildcardSubdomain(string value)
    {
        var errors = new List<string>();
        if (Bytes(value) > 253) errors.Add(TooLong(253));
        if (!Wildcard().IsMatch(value))
            errors.Add(Mismatch(
                "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
                WildcardFormat,
                "*.example.com"));
        return errors;
    }

    /// <summary>Without a domain, or of Kubernetes' own.</summary>
    public static bool IsNativeResource(string name) => !name.Contains('/') || name.Contains("kubernetes.io/", StringComparison.Ordinal);

    /// <summary>A vendor's resource (<c>example.com/gpu</c>), of whole pieces; a quota must be able to name its requests.</summary>
    public static bool IsExtendedResource(string name) => !IsNativeResource(name) && !name.StartsWith("requests.", StringComparison.Ordinal) && LabelKey("requests." + name).Count == 0;

    /// <summary>A qualified name: a label key, a resource name…</summary>
    public static IReadOnlyList<string> LabelKey(string value)
    {
        var slash = value.IndexOf('/');
        if (slash < 0 && value.Length is > 0 and <= 63 && KeyName().IsMatch(value)) return [];
        if (slash >= 0 && value.IndexOf('/', slash + 1) >= 0)
            return [$"a valid label key {Mismatch(LabelKeyMessage, LabelKeyFormat, "MyName", "my.name", "123-abc")} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"];
        var errors = new List<string>();
        if (slash == 0)
        {
            errors.Add("prefix part must be non-empty");
        }
        else if (slash > 0)
        {
            var prefix = value[..slash];
            if (Bytes(prefix) > 253) errors.Add("prefix part must be no more than 253 bytes");
            if (!Subdomain().IsMatch(prefix)) errors.Add($"prefix part {Mismatch(SubdomainMessage, SubdomainFormat, "example.com")}");
        }

        var name = value[(slash + 1)..];
        if (name.Length == 0) errors.Add("name part must be non-empty");
        else if (Bytes(name) > 63) errors.Add("name part must be no more than 63 bytes");
        if (!KeyName().IsMatch(name)) errors.Add($"name part {Mismatch(LabelKeyMessage, LabelKeyFormat, "MyName", "my.name", "123-abc")}");
        return errors;
    }

    public static IReadOnlyList<string> LabelValue(string value)
    {
        if (value.Length <= 63 && KeyValue().IsMatch(value)) return [];
        var errors = new List<string>();
        if (Bytes(value) > 63) errors.Add("must be no more than 63 bytes");
        if (!KeyValue().IsMatch(value))
            errors.Add(Mismatch(
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
                LabelValueFormat,
                "MyValue",
                "my_value",
                "12345"));
        return errors;
    }

    public static IReadOnlyList<string> PortNumber(long port) => port is >= 1 and <= 65535 ? [] : [Range(1, 65535)];

    public static IReadOnlyList<string> PortName(string port)
    {
        if (port.Length is > 0 and <= 15 && SimplePortName().IsMatch(port)) return [];
        var errors = new List<string>();
        if (Bytes(port) > 15) errors.Add(TooLong(15));
        if (port.Length == 0 || port.Any(c => !char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '-'))
            errors.Add("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
        if (!port.Any(char.IsAsciiLetterLower)) errors.Add("must contain at least one letter (a-z)");
        if (port.Contains("--", StringComparison.Ordinal)) errors.Add("must not contain consecutive hyphens");
        if (port.Length > 0 && (port[0] == '-' || port[^1] == '-')) errors.Add("must not begin or end with a hyphen");
        return errors;
    }

    public static IReadOnlyList<string> HttpHeaderName(string value) => HeaderName().IsMatch(value)
        ? []
        : [Mismatch("a valid HTTP header must consist of alphanumeric characters or '-'", HeaderNameFormat, "X-Header-Name")];

    public static IReadOnlyList<string> Percent(string value) => PercentText().IsMatch(value)
        ? []
        : [Mismatch("a valid percent string must be a numeric string followed by an ending '%'", PercentFormat, "1%", "93%")];

    public static IReadOnlyList<string> EnvVarName(string value)
    {
        var errors = new List<string>();
        if (!EnvName().IsMatch(value))
            errors.Add(Mismatch(
                "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
                EnvNameFormat,
                "my.env-name",
                "MY_ENV.NAME",
                "MyEnvName1"));
        AddParentPrefix(value, errors);
        return errors;
    }

    /// <summary>Names of environment variables since 1.34: anything printable but '='.</summary>
    public static IReadOnlyList<string> RelaxedEnvVarName(string value)
    {
        if (value.Length == 0) return ["environment variable name must be non-empty"];
        foreach (var c in value)
            if (c is < ' ' or > '~' or '=') return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
        return [];
    }

    public static IReadOnlyList<string> ConfigMapKey(string value)
    {
        if (value.Length is > 0 and <= 253 && ConfigKey().IsMatch(value) && !value.StartsWith('.')) return [];
        var errors = new List<string>();
        if (Bytes(value) > 253) errors.Add(TooLong(253));
        if (!ConfigKey().IsMatch(value))
            errors.Add(Mismatch("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", ConfigKeyFormat, "key.name", "KEY_NAME", "key-name"));
        AddParentPrefix(value, errors);
        return errors;
    }

    public static IReadOnlyList<string> CIdentifier(string value) => Identifier().IsMatch(value)
        ? []
        : [Mismatch(
            "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
            CIdentifierFormat,
            "my_name",
            "MY_NAME",
            "MyName")];

    /// <summary>The path part of a domain-prefixed path (<c>example.com/path</c>).</summary>
    public static IReadOnlyList<string> HttpPath(string value) => HttpPathText().IsMatch(value) ? [] : [Mismatch("Invalid path", HttpPathFormat)];

    public static string Range(long low, long high) => $"must be between {low} and {high}, inclusive";

    public static string TooLong(int max) => $"must be no more than {max} characters";

    /// <summary>Upstream's RegexError, its odd commas included.</summary>
    public static string Mismatch(string message, string format, params ReadOnlySpan<string> examples)
    {
        if (examples.Length == 0) return $"{message} (regex used for validation is '{format}')";
        var text = new StringBuilder(message).Append(" (e.g. ");
        for (var i = 0; i < examples.Length; i++)
        {
            if (i > 0) text.Append(" or ");
            text.Append('\'').Append(examples[i]).Append("', ");
        }

        return text.Append("regex used for validation is '").Append(format).Append("')").ToString();
    }

    private static int Bytes(string value) => Encoding.UTF8.GetByteCount(value);

    private static void AddParentPrefix(string value, List<string> errors)
    {
        if (value is ".") errors.Add("must not be '.'");
        else if (value is "..") errors.Add("must not be '..'");
        else if (value.StartsWith("..", StringComparison.Ordinal)) errors.Add("must not start with '..'");
    }

    [GeneratedRegex($"^{SubdomainFormat}\\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Subdomain();

    [GeneratedRegex($"^{UnderscoreSubdomainFormat}\\z", RegexOptions.ExplicitCapture)]
    private static partial Regex UnderscoreSubdomain();

    [GeneratedRegex($"^{LabelFormat}\\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Label();

    [GeneratedRegex($"^{Dns1035Format}\\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Dns1035();

    [GeneratedRegex($"^{WildcardFormat}\\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Wildcard();

    [GeneratedRegex($"^{LabelKeyFormat}\\z", RegexOptions.ExplicitCapture)]
    private static partial Regex KeyName();

    [GeneratedRegex($"^{LabelValueFormat}\\z", RegexOptions.ExplicitCapture)]
    private static partial Regex KeyValue();

    [GeneratedRegex("^[a-z]+(-?[a-z0-9]+)*\\z", RegexOptions.ExplicitCapture)]
    private static partial Regex SimplePortName();

    [GeneratedRegex($"^{HeaderNameFormat}\\z")]
    private static partial Regex HeaderName();

    [GeneratedRegex($"^{PercentFormat}\\z")]
    private static partial Regex PercentText();

    [GeneratedRegex($"^{EnvNameFormat}\\z")]
    private static partial Regex EnvName();

    [GeneratedRegex($"^{ConfigKeyFormat}\\z")]
    private static partial Regex ConfigKey();

    [GeneratedRegex($"^{CIdentifierFormat}\\z")]
    private static partial Regex Identifier();

    [GeneratedRegex($"^{HttpPathFormat}\\z")]
    private static partial Regex HttpPathText();
}
