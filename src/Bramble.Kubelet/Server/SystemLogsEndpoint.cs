using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>/logs/…: the files below /var/log to read and its folders as lists of links, as Go's file server shows them. Needs the right to nodes/log.</summary>
internal sealed class SystemLogsEndpoint(string root) : IKubeletEndpoint
{
    public Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel)
    {
        if (http.Request.Method is not ("GET" or "HEAD")) throw new HttpAnswerException(405, "method not allowed");
        if (rest.Any(part => part is "." or ".." || part.Contains('/') || part.Contains('\0'))) throw new HttpAnswerException(400, "invalid URL path");
        var path = Path.Combine([root, .. rest]);
        var isFolderAsked = http.Request.Path.Value!.EndsWith('/');
        if (Directory.Exists(path))
        {
            if (isFolderAsked) return ListAsync(http, path, cancel);
            // Links of a list are relative to it.
            http.Response.Redirect((rest.Length == 0 ? "logs" : rest[^1]) + "/", permanent: true);
            return Task.CompletedTask;
        }
        if (isFolderAsked || !File.Exists(path)) throw new HttpAnswerException(404, "404 page not found");
        return SendAsync(http, path, cancel);
    }

    private static Task ListAsync(HttpContext http, string folder, CancellationToken cancel)
    {
        var text = new StringBuilder("<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n");
        foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            var slash = entry is DirectoryInfo ? "/" : "";
            text.Append("<a href=\"").Append(Uri.EscapeDataString(entry.Name)).Append(slash).Append("\">").Append(WebUtility.HtmlEncode(entry.Name)).Append(slash).Append("</a>\n");
        }
        http.Response.ContentType = "text/html; charset=utf-8";
        return http.Response.WriteAsync(text.Append("</pre>\n").ToString(), cancel);
    }

    private static async Task SendAsync(HttpContext http, string path, CancellationToken cancel)
    {
        // As long as it is now: a log grows while it is sent.
        var length = new FileInfo(path).Length;
        http.Response.ContentType = path.EndsWith(".gz", StringComparison.Ordinal) ? "application/gzip" : "text/plain; charset=utf-8";
        http.Response.ContentLength = length;
        if (http.Request.Method == "GET") await http.Response.SendFileAsync(path, 0, length, cancel);
    }
}
