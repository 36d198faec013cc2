using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Proxying;

/// <summary>A request passed on to another server and its answer passed back, as they are but for what concerns one connection or one's own credentials.</summary>
internal static class ForwardedRequest
{
    private static readonly HashSet<string> HopByHop = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Authorization", "Content-Length",
    };

    /// <param name="droppedPrefix">Headers that begin so are not passed on either.</param>
    public static HttpRequestMessage Make(HttpContext http, Uri uri, string droppedPrefix = "Impersonate-")
    {
        var message = new HttpRequestMessage(new HttpMethod(http.Request.Method), uri);
        if (http.Request.ContentLength > 0 || http.Request.Headers.TransferEncoding.Count > 0 || (http.Request.ContentLength is null && HttpProtocol.IsHttp2(http.Request.Protocol) && HasBody(http)))
            message.Content = new StreamContent(http.Request.Body);
        foreach (var header in http.Request.Headers)
        {
            if (HopByHop.Contains(header.Key) || header.Key[0] == ':' || IsDropped(header.Key, droppedPrefix)) continue;
            var values = (IEnumerable<string>)header.Value.ToArray()!;
            if (!message.Headers.TryAddWithoutValidation(header.Key, values)) message.Content?.Headers.TryAddWithoutValidation(header.Key, values);
        }

        return message;
    }

    private static bool IsDropped(string name, string prefix) =>
        name.StartsWith("Impersonate-", StringComparison.OrdinalIgnoreCase) || name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase);

    private static bool HasBody(HttpContext http) => !HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method);

    public static async Task CopyAsync(HttpResponseMessage answer, HttpContext http, CancellationToken cancel)
    {
        http.Response.StatusCode = (int)answer.StatusCode;
        foreach (var header in answer.Headers.Concat(answer.Content.Headers))
            if (!HopByHop.Contains(header.Key)) http.Response.Headers[header.Key] = header.Value.ToArray();
        if (answer.Content.Headers.ContentLength is { } length) http.Response.ContentLength = length;
        await using var body = await answer.Content.ReadAsStreamAsync(cancel);
        var buffer = new byte[32 * 1024];
        while (await body.ReadAsync(buffer, cancel) is > 0 and var count)
        {
            await http.Response.Body.WriteAsync(buffer.AsMemory(0, count), cancel);
            await http.Response.Body.FlushAsync(cancel);
        }
    }
}
