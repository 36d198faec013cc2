using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Proxying;

/// <summary>The parameters of pods/log, checked as upstream does.</summary>
internal static class PodLogOptions
{
    private static readonly string[] Streams = ["All", "Stderr", "Stdout"];

    /// <summary>The query for the kubelet.</summary>
    /// <exception cref="StatusException">400: not readable. 422: not allowed.</exception>
    public static string Check(IQueryCollection query, string pod)
    {
        var tail = Number(query, "tailLines");
        var since = Number(query, "sinceSeconds");
        var limit = Number(query, "limitBytes");
        var hasSinceTime = query["sinceTime"].ToString().Length > 0;
        var stream = query["stream"].ToString();
        var errors = new FieldErrors();
        if (tail < 0) errors.Invalid("tailLines", JsonValue.Create(tail.Value), "must be greater than or equal to 0");
        if (limit < 1) errors.Invalid("limitBytes", JsonValue.Create(limit.Value), "must be greater than 0");
        if (since is not null && hasSinceTime) errors.Forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified");
        else if (since < 1) errors.Invalid("sinceSeconds", JsonValue.Create(since.Value), "must be greater than 0");
        if (stream.Length > 0 && !Streams.Contains(stream)) errors.NotSupported("stream", JsonValue.Create(stream), Streams);
        if (tail is not null && stream is "Stdout" or "Stderr") errors.Forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now");
        if (errors.Count > 0) throw StatusErrors.Invalid(new("", "v1", "PodLogOptions"), pod, errors);

        var text = new StringBuilder("?");
        foreach (var name in (ReadOnlySpan<string>)["follow", "previous", "timestamps"])
            if (query[name].ToString() is "true" or "1") text.Append(name).Append("=true&");
        foreach (var name in (ReadOnlySpan<string>)["tailLines", "sinceSeconds", "sinceTime", "limitBytes", "stream"])
            if (query[name].ToString() is { Length: > 0 } value) text.Append(name).Append('=').Append(Uri.EscapeDataString(value)).Append('&');
        return text.ToString(0, text.Length - 1);
    }

    private static long? Number(IQueryCollection query, string name)
    {
        if (query[name].ToString() is not { Length: > 0 } text) return null;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw StatusErrors.BadRequest($"strconv.ParseInt: parsing {FieldError.Quote(text)}: invalid syntax");
    }
}
