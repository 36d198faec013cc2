using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>A line a request in Traefik's common log format; written only while the access log is on.</summary>
internal static class AccessLog
{
    public static void Write(ILogger log, HttpContext http, int status, string? route, string? service, DateTimeOffset now, TimeSpan took)
    {
        var request = http.Request;
        Log.IngressAccess(log, string.Create(CultureInfo.InvariantCulture,
            $"{http.Connection.RemoteIpAddress} - - [{now:dd/MMM/yyyy:HH:mm:ss zz}00] \"{request.Method} {request.Path.ToUriComponent()}{request.QueryString.Value} {request.Protocol}\" {status} {Size(http.Response.ContentLength)} \"{Text(request.Headers.Referer)}\" \"{Text(request.Headers.UserAgent)}\" \"{route ?? "-"}\" \"{service ?? "-"}\" {took.TotalMilliseconds:0}ms"));
    }

    private static string Size(long? bytes) => bytes is { } known ? known.ToString(CultureInfo.InvariantCulture) : "-";

    // A header is the client's: no quote and no line break of his in our line.
    private static string Text(Microsoft.Extensions.Primitives.StringValues value) =>
        value.Count == 0 ? "-" : string.Concat(value.ToString().Select(c => c is '"' or '\\' || char.IsControl(c) ? '_' : c));
}
