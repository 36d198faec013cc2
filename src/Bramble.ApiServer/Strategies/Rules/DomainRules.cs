using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Names below a domain: <c>example.com/path</c>, <c>a.example.com</c>.</summary>
internal static class DomainRules
{
    public static void PrefixedPath(string value, FieldPath path, FieldErrors errors)
    {
        if (value.Length == 0)
        {
            errors.Required(path);
            return;
        }

        var parts = value.Split('/', 2);
        if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0)
        {
            errors.Invalid(path, value, "must be a domain-prefixed path (such as \"acme.io/foo\")");
            return;
        }

        errors.InvalidEach(path, parts[0], Formats.DnsSubdomain(parts[0]));
        errors.InvalidEach(path, parts[1], Formats.HttpPath(parts[1]));
    }

    /// <summary>At least three segments.</summary>
    public static void FullyQualified(string value, FieldPath path, FieldErrors errors)
    {
        if (value.Length == 0) errors.Required(path);
        else if (Formats.DnsSubdomain(value) is { Count: > 0 } complaints) errors.Invalid(path, value, string.Join(",", complaints));
        else if (value.Split('.').Length < 3) errors.Invalid(path, value, "should be a domain with at least three segments separated by dots");
    }
}
