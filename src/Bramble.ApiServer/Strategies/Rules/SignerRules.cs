using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Names of certificate signers: <c>domain/path</c>.</summary>
internal static class SignerRules
{
    public static void Validate(string name, FieldPath path, FieldErrors errors)
    {
        if (name.Length == 0)
        {
            errors.Required(path);
            return;
        }

        var parts = name.Split('/');
        if (parts.Length != 2)
        {
            errors.Invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
            return;
        }

        var (domain, target) = (parts[0], parts[1]);
        if (domain.Length > 253) errors.TooLong(path, 253);
        Labels(domain, Formats.DnsLabel, path, errors);
        if (!domain.Contains('.')) errors.Invalid(path, domain, "should be a domain with at least two segments separated by dots");
        Labels(target, Formats.DnsSubdomain, path, errors);
        // domain, slash, label, dot, subdomain
        if (name.Length > 571) errors.TooLong(path, 571);
    }

    /// <summary>The complaints about the first wrong label only: more would read the same.</summary>
    private static void Labels(string part, Func<string, IReadOnlyList<string>> rule, FieldPath path, FieldErrors errors)
    {
        foreach (var label in part.Split('.'))
        {
            if (rule(label) is not { Count: > 0 } complaints) continue;
            foreach (var complaint in complaints) errors.Invalid(path, part, $"validating label {FieldError.Quote(label)}: {complaint}");
            return;
        }
    }
}
