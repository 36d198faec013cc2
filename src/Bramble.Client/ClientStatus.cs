using System.Text;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client.Http;

namespace Bramble.Client;

/// <summary>Errors in client-go's words, for an answer that says nothing itself (a page in place of a Status).</summary>
public static class ClientStatus
{
    /// <param name="name">Empty: of a list.</param>
    public static StatusException NotFound(string verb, GroupResource resource, string name) =>
        new(new Status(404, "NotFound", $"the server could not find the requested resource ({Asked(verb, resource, name)})"));

    /// <inheritdoc cref="NotFound"/>
    public static StatusException Unavailable(string verb, GroupResource resource, string name) =>
        new(new Status(503, "ServiceUnavailable", $"the server is currently unable to handle the request ({Asked(verb, resource, name)})"));

    /// <summary>What another server answered that is no success: its Status, or one for its code.</summary>
    public static StatusException Answered(int code, ReadOnlyMemory<byte> body, string verb, GroupResource resource, string name) => StatusParser.Parse(code, body) switch
    {
        { Reason.Length: > 0 } status => new(status),
        _ when code == 404 => NotFound(verb, resource, name),
        _ when code == 503 => Unavailable(verb, resource, name),
        var status => new(status with { Reason = "InternalError", Message = $"an error on the server (\"{status.Message}\") has prevented the request from succeeding ({Asked(verb, resource, name)})" }),
    };

    /// <summary>A path and its parameters as a request has them.</summary>
    public static string Target(string path, IReadOnlyList<KeyValuePair<string, string>> query)
    {
        if (query.Count == 0) return path;
        var text = new StringBuilder(path);
        foreach (var (key, value) in query)
            text.Append(text.Length == path.Length ? '?' : '&').Append(Uri.EscapeDataString(key)).Append('=').Append(Uri.EscapeDataString(value));
        return text.ToString();
    }

    private static string Asked(string verb, GroupResource resource, string name) => name.Length > 0 ? $"{verb} {resource} {name}" : $"{verb} {resource}";
}
