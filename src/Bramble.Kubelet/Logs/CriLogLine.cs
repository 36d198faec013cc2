using System.Globalization;
using System.Text;

namespace Bramble.Kubelet.Logs;

/// <summary>One line of a container's log file: <c>2026-11-23T22:05:10.123456789Z stdout F text</c>; P marks a part of a longer line. Spans into the line's
/// own bytes: nothing is copied.</summary>
internal readonly ref struct CriLogLine
{
    private CriLogLine(ReadOnlySpan<byte> time, bool isStderr, bool isPartial, ReadOnlySpan<byte> text)
    {
        Time = time;
        IsStderr = isStderr;
        IsPartial = isPartial;
        Text = text;
    }

    public ReadOnlySpan<byte> Time { get; }
    public bool IsStderr { get; }
    public bool IsPartial { get; }
    public ReadOnlySpan<byte> Text { get; }

    /// <param name="line">Without its line feed.</param>
    public static bool TryParse(ReadOnlySpan<byte> line, out CriLogLine parsed)
    {
        parsed = default;
        var afterTime = line.IndexOf((byte)' ');
        if (afterTime <= 0) return false;
        var rest = line[(afterTime + 1)..];
        var afterStream = rest.IndexOf((byte)' ');
        if (afterStream <= 0) return false;
        var stream = rest[..afterStream];
        var isStderr = stream.SequenceEqual("stderr"u8);
        if (!isStderr && !stream.SequenceEqual("stdout"u8)) return false;
        rest = rest[(afterStream + 1)..];
        var afterTag = rest.IndexOf((byte)' ');
        var tag = afterTag < 0 ? rest : rest[..afterTag];
        if (tag.Length == 0) return false;
        parsed = new(line[..afterTime], isStderr, tag[0] == (byte)'P', afterTag < 0 ? [] : rest[(afterTag + 1)..]);
        return true;
    }

    /// <summary>Null: not a time.</summary>
    public DateTimeOffset? At() =>
        DateTimeOffset.TryParse(Encoding.ASCII.GetString(Time), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at : null;
}
