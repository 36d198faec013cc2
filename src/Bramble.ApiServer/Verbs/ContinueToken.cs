using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;

namespace Bramble.ApiServer.Verbs;

/// <summary>Where a paginated list goes on: upstream's own form, so that tokens outlive a change of servers.</summary>
/// <param name="Revision">The revision of the first page; -1: whatever is newest.</param>
/// <param name="After">The last object of the page before.</param>
internal readonly record struct ContinueToken(long Revision, NamespacedName After)
{
    /// <param name="ns">Namespace of the list: keys are relative to it.</param>
    public string Encode(string ns)
    {
        var key = ns.Length > 0 || After.Namespace.Length == 0 ? After.Name : $"{After.Namespace}/{After.Name}";
        var json = $"{{\"v\":\"meta.k8s.io/v1\",\"rv\":{Revision.ToString(CultureInfo.InvariantCulture)},\"start\":\"{JsonEncodedText.Encode(key)}\\u0000\"}}";
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
    }

    public static ContinueToken Decode(string text, string ns)
    {
        var (version, revision, start) = Read(text);
        if (version != "meta.k8s.io/v1") throw Refused($": server does not recognize this encoded version {version}");
        if (revision == 0) throw Refused(": incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
        if (start.Length == 0) throw Refused(": encoded start key empty (version meta.k8s.io/v1)");
        if (start.TrimStart('/').Split('/').Any(p => p is "" or "." or "..")) throw Refused($": {start}");
        var key = start.TrimStart('/').TrimEnd('\0');
        var slash = key.IndexOf('/');
        return new ContinueToken(revision, slash < 0 ? new NamespacedName(ns, key) : new NamespacedName(key[..slash], key[(slash + 1)..]));
    }

    private static (string Version, long Revision, string Start) Read(string text)
    {
        byte[] json;
        try
        {
            json = Base64Url.DecodeFromChars(text);
        }
        catch (FormatException)
        {
            throw Refused($": illegal base64 data at input byte {FirstBad(text)}");
        }
        if (GoJsonSyntax.FindError(json) is { } wrong) throw Refused($": {wrong}");
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            return (
                root.TryGetProperty("v", out var v) ? v.GetString() ?? "" : "",
                root.TryGetProperty("rv", out var rv) ? rv.GetInt64() : 0,
                root.TryGetProperty("start", out var start) ? start.GetString() ?? "" : "");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw Refused($": {e.Message}");
        }
    }

    private static StatusException Refused(string why) => StatusErrors.BadRequest($"invalid continue token: continue key is not valid{why}");

    private static int FirstBad(string text)
    {
        var at = text.AsSpan().IndexOfAnyExcept("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
        return at < 0 ? text.Length : at;
    }
}
