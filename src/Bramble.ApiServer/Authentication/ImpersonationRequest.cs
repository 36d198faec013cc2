using System.Text;
using Bramble.Api.Errors;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Authentication;

/// <summary>The user that the Impersonate-* headers of a request name, as they were sent: nothing added.</summary>
internal sealed record ImpersonationRequest(string Name, string Uid, IReadOnlyList<string> Groups, IReadOnlyDictionary<string, IReadOnlyList<string>> Extra)
{
    private const string ExtraPrefix = "Impersonate-Extra-";

    public bool IsOnlyName => Uid.Length == 0 && Groups.Count == 0 && Extra.Count == 0;

    /// <returns>Null: nobody is to be impersonated.</returns>
    /// <exception cref="StatusException">400: groups, uid or extra without a user.</exception>
    public static ImpersonationRequest? Read(IHeaderDictionary headers)
    {
        var extra = new SortedDictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var (name, values) in headers)
        {
            if (!name.StartsWith(ExtraPrefix, StringComparison.OrdinalIgnoreCase) || values.Count == 0) continue;
            var key = Unescape(name[ExtraPrefix.Length..].ToLowerInvariant());
            extra[key] = extra.TryGetValue(key, out var known) ? [.. known, .. Texts(values)] : Texts(values);
        }
        var request = new ImpersonationRequest(First(headers, "Impersonate-User"), First(headers, "Impersonate-Uid"), Texts(headers["Impersonate-Group"]), extra);
        if (request.Name.Length > 0) return request;
        return request.IsOnlyName ? null : throw StatusErrors.BadRequest($"requested {request.InGoNotation()} without impersonating a user name");
    }

    private static string First(IHeaderDictionary headers, string name) => headers[name] is [{ } first, ..] ? first : "";

    private static List<string> Texts(Microsoft.Extensions.Primitives.StringValues values) => [.. values.Select(value => value ?? "")];

    /// <summary>Malformed escapes stay as they are.</summary>
    private static string Unescape(string key)
    {
        for (var i = key.IndexOf('%'); i >= 0; i = key.IndexOf('%', i + 1))
            if (i + 2 >= key.Length || !char.IsAsciiHexDigit(key[i + 1]) || !char.IsAsciiHexDigit(key[i + 2])) return key;
        return Uri.UnescapeDataString(key);
    }

    /// <summary>Upstream shows the user as Go's %#v does.</summary>
    private string InGoNotation()
    {
        var text = new StringBuilder($"&user.DefaultInfo{{Name:{FieldError.Quote(Name)}, UID:{FieldError.Quote(Uid)}, Groups:").Append(Strings(Groups)).Append(", Extra:map[string][]string");
        if (Extra.Count == 0) return text.Append("(nil)}").ToString();
        return text.Append('{').AppendJoin(", ", Extra.Select(e => $"{FieldError.Quote(e.Key)}:{Strings(e.Value)}")).Append("}}").ToString();
    }

    private static string Strings(IReadOnlyList<string> values) => values.Count == 0 ? "[]string(nil)" : $"[]string{{{string.Join(", ", values.Select(FieldError.Quote))}}}";
}
