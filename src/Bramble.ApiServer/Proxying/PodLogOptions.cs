using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Proxying;

/// <summary>The parameters of pods/log, checked as upstream does.</summary>
internal static class PodLogOptions
{
    /// <summary>The query for the kubelet.</summary>
    /// <exception cref="StatusException">400: not readable. 422: not allowed.</exception>
    public static string Check(IQueryCollection query, string pod)
    {
        var since = Number(query, "sinceSeconds");
        var hasSinceTime = query.TryGetValue("sinceTime", out var sinceTime);
        if (hasSinceTime) CheckTime(sinceTime[0] ?? "");
        var tail = Number(query, "tailLines");
        var limit = Number(query, "limitBytes");
        var errors = new FieldErrors();
        if (tail < 0) errors.Invalid("tailLines", JsonValue.Create(tail.Value), "must be greater than or equal to 0");
        if (limit < 1) errors.Invalid("limitBytes", JsonValue.Create(limit.Value), "must be greater than 0");
        if (since is not null && hasSinceTime) errors.Forbidden("[]", "at most one of `sinceTime` or `sinceSeconds` may be specified");
        else if (since < 1) errors.Invalid("sinceSeconds", JsonValue.Create(since.Value), "must be greater than 0");
        // One stream of the two is an alpha feature (PodLogsQuerySplitStreams).
        if (query.ContainsKey("stream")) errors.Forbidden("stream", "may not be specified");
        if (errors.Count > 0) throw StatusErrors.Invalid(new("", "v1", "PodLogOptions"), pod, errors);

        var text = new StringBuilder("?");
        foreach (var name in (ReadOnlySpan<string>)["follow", "previous", "timestamps"])
            if (query.TryGetValue(name, out var flag) && flag[0] is not "0" && !"false".Equals(flag[0], StringComparison.OrdinalIgnoreCase)) text.Append(name).Append("=true&");
        foreach (var name in (ReadOnlySpan<string>)["tailLines", "sinceSeconds", "sinceTime", "limitBytes"])
            if (query[name].ToString() is { Length: > 0 } value) text.Append(name).Append('=').Append(Uri.EscapeDataString(value)).Append('&');
        return text.ToString(0, text.Length - 1);
    }

    private static long? Number(IQueryCollection query, string name)
    {
        if (!query.TryGetValue(name, out var values)) return null;
        return long.TryParse(values[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw StatusErrors.BadRequest($"strconv.ParseInt: parsing {FieldError.Quote(values[0] ?? "")}: invalid syntax");
    }

    private static void CheckTime(string text)
    {
        if (text is "" or "null") return;
        GoTime.Canonical(text, out var error);
        if (error is not null) throw StatusErrors.BadRequest(error);
    }
}
