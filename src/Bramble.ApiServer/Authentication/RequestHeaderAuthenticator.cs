using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Authentication;

/// <summary>The front proxy: who presents a certificate of the request header CA (with an allowed name) says in X-Remote-* who asks.</summary>
internal sealed class RequestHeaderAuthenticator(RequestHeaderConfig config, TimeProvider time) : IAuthenticator
{
    private readonly CertificateVerifier _verifier = new(config.ClientCa, time);

    public AuthenticationAnswer Authenticate(Credentials credentials)
    {
        if (credentials.ClientCertificate is not { } certificate) return AuthenticationAnswer.None;
        var headers = credentials.Headers;
        // Nobody claims anything: spare the chain; an ordinary client's certificate is of the other CA.
        if (First(headers, config.UsernameHeaders) is not { Length: > 0 } name) return AuthenticationAnswer.None;
        var proxy = _verifier.Verify(certificate);
        if (proxy.Error is { } error) return AuthenticationAnswer.Failed(error);
        var commonName = CertificateSubject.CommonName(certificate.SubjectName);
        if (config.AllowedNames.Count > 0 && !config.AllowedNames.Contains(commonName)) return AuthenticationAnswer.Failed($"x509: subject with cn={commonName} is not in the allowed list");

        var groups = config.GroupHeaders.SelectMany(header => headers[header]).Where(value => !string.IsNullOrEmpty(value)).Select(value => value!).ToList();
        return new AuthenticationAnswer(new UserInfo(name, groups, First(headers, config.UidHeaders) ?? "", Extra(headers)));
    }

    private static string? First(IHeaderDictionary headers, IReadOnlyList<string> names) =>
        names.Select(name => headers[name] is [{ Length: > 0 } value, ..] ? value : null).FirstOrDefault(value => value is not null);

    private Dictionary<string, IReadOnlyList<string>>? Extra(IHeaderDictionary headers)
    {
        Dictionary<string, IReadOnlyList<string>>? extra = null;
        foreach (var (name, values) in headers)
            if (config.ExtraHeaderPrefixes.FirstOrDefault(prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) is { } prefix)
                (extra ??= new(StringComparer.Ordinal))[Uri.UnescapeDataString(name[prefix.Length..].ToLowerInvariant())] = [.. values.Select(value => value ?? "")];
        return extra;
    }
}
