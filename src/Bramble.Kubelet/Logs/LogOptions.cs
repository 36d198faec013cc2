using System.Globalization;

namespace Bramble.Kubelet.Logs;

/// <summary>What of a container's log is wanted (PodLogOptions).</summary>
internal sealed record LogOptions
{
    public bool Follow { get; init; }
    public bool Previous { get; init; }
    public bool Timestamps { get; init; }
    public long? TailLines { get; init; }
    public long? LimitBytes { get; init; }
    public DateTimeOffset? Since { get; init; }
    public bool Stdout { get; init; } = true;
    public bool Stderr { get; init; } = true;

    /// <param name="query">Value of a query parameter, or null.</param>
    /// <exception cref="FormatException">A value that cannot be one.</exception>
    public static LogOptions Parse(Func<string, string?> query, DateTimeOffset now)
    {
        DateTimeOffset? since = null;
        if (query("sinceTime") is { Length: > 0 } text) since = DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
        if (Number("sinceSeconds") is { } seconds) since = now.AddSeconds(-seconds);
        var stream = query("stream");
        if (stream is not (null or "" or "All" or "Stdout" or "Stderr")) throw new FormatException($"invalid stream type \"{stream}\"");
        return new LogOptions
        {
            Follow = Switch("follow"),
            Previous = Switch("previous"),
            Timestamps = Switch("timestamps"),
            TailLines = Number("tailLines"),
            LimitBytes = Number("limitBytes"),
            Since = since,
            Stdout = stream != "Stderr",
            Stderr = stream != "Stdout",
        };

        long? Number(string name) => query(name) is { Length: > 0 } value ? long.Parse(value, NumberStyles.Integer, CultureInfo.InvariantCulture) : null;
        // As Go's parameter codec: present and not "false" or "0" is true.
        bool Switch(string name) => query(name) is { } value && value is not ("false" or "0");
    }
}
