using System.Buffers;
using System.Buffers.Text;
using System.Collections.Frozen;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Bramble.Network.Ingress.Proxying;

/// <summary>Heads of HTTP/1.1 messages as bytes: the request's for the backend, the answer's for the client (RFC 9112).</summary>
internal static class Http1Head
{
    // RFC 9110 7.6.1: for one connection only. Expect is answered by Kestrel, which asks the client for the body when it is read.
    private static readonly FrozenSet<string> OneHop = new[]
    {
        "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "TE", "Upgrade", "HTTP2-Settings", "Expect",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    // Names that nearly every answer has, so that they are not made anew each time.
    private static readonly FrozenDictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> CommonNames = new[]
    {
        "Accept-Ranges", "Access-Control-Allow-Origin", "Age", "Cache-Control", "Connection", "Content-Disposition", "Content-Encoding", "Content-Language",
        "Content-Length", "Content-Security-Policy", "Content-Type", "Date", "ETag", "Expires", "Keep-Alive", "Last-Modified", "Link", "Location", "Pragma",
        "Referrer-Policy", "Server", "Set-Cookie", "Strict-Transport-Security", "Transfer-Encoding", "Vary", "Via", "WWW-Authenticate", "X-Content-Type-Options",
        "X-Frame-Options", "X-Powered-By", "X-Request-Id", "X-XSS-Protection",
    }.ToFrozenDictionary(name => name, StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();

    private static readonly SearchValues<char> Unsendable = SearchValues.Create('\r', '\n', '\0');

    /// <summary>The request's head.</summary>
    /// <param name="isChunked">It has a body of unknown length.</param>
    /// <exception cref="FormatException">Something in it would end a line early.</exception>
    public static void WriteRequest(ArrayBufferWriter<byte> to, HttpRequest request, string target, string host, bool isChunked)
    {
        foreach (var c in target)
            if (c is <= ' ' or > '~') throw new FormatException("the target holds what no target may");
        Ascii(to, request.Method);
        Ascii(to, " ");
        Ascii(to, target);
        Ascii(to, " HTTP/1.1\r\nHost: ");
        Value(to, host);
        Ascii(to, "\r\n");
        var connection = request.Headers.Connection;
        foreach (var (name, values) in request.Headers)
        {
            if (name[0] == ':' || OneHop.Contains(name) || name.Equals("Host", StringComparison.OrdinalIgnoreCase) || isChunked && name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)
                || connection.Count > 0 && IsNamed(connection, name)) continue;
            // HTTP/2 may send cookies in parts, HTTP/1.1 must not (RFC 9113 8.2.3).
            if (values.Count > 1 && name.Equals("Cookie", StringComparison.OrdinalIgnoreCase)) Field(to, name, string.Join("; ", values.ToArray()));
            else
                foreach (var value in values) Field(to, name, value ?? "");
        }
        Ascii(to, isChunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
    }

    /// <summary>The answer's status, fields into the client's answer, and how its body ends. <paramref name="head"/> is all up to and with the empty line.</summary>
    /// <exception cref="BadAnswerException">Not HTTP/1.</exception>
    public static AnswerHead ReadAnswer(ReadOnlySpan<byte> head, IHeaderDictionary? into)
    {
        var end = head.IndexOf("\r\n"u8);
        var line = head[..end];
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || line[8] != ' ' || !Utf8Parser.TryParse(line[9..12], out int status, out _) || status is < 100 or > 999)
            throw new BadAnswerException("its first line is not HTTP/1's");
        var answer = new AnswerHead { Status = status, KeepsConnection = line[7] == '1' };
        head = head[(end + 2)..];
        Span<char> chars = stackalloc char[64];
        while ((end = head.IndexOf("\r\n"u8)) > 0)
        {
            line = head[..end];
            head = head[(end + 2)..];
            var colon = line.IndexOf((byte)':');
            if (colon <= 0 || line[0] is (byte)' ' or (byte)'\t') throw new BadAnswerException("a line of its head is no field");
            var name = Name(line[..colon], chars);
            var value = line[(colon + 1)..].Trim(" \t"u8);
            switch (name)
            {
                case "Content-Length":
                    if (!Utf8Parser.TryParse(value, out long length, out var used) || used != value.Length || length < 0 || answer.Length is { } other && other != length)
                        throw new BadAnswerException("its Content-Length is no length");
                    answer.Length = length;
                    break;
                case "Transfer-Encoding":
                    if (!Is(value, "chunked"u8)) throw new BadAnswerException("its Transfer-Encoding is not chunked");
                    answer.IsChunked = true;
                    continue;
                case "Connection":
                    if (Holds(value, "close"u8)) answer.KeepsConnection = false;
                    else if (Holds(value, "keep-alive"u8)) answer.KeepsConnection = true;
                    continue;
            }
            if (into is null || OneHop.Contains(name)) continue;
            var text = Encoding.Latin1.GetString(value);
            if (!into.TryAdd(name, text)) into.Append(name, text);
        }
        // Both is a smuggler's trick; the chunks are what counts (RFC 9112 6.3).
        if (answer.IsChunked && answer.Length is not null)
        {
            answer.Length = null;
            answer.KeepsConnection = false;
            if (into is not null) into.ContentLength = null;
        }
        return answer;
    }

    private static string Name(ReadOnlySpan<byte> name, Span<char> chars)
    {
        if (name.Length > chars.Length) return Encoding.Latin1.GetString(name);
        var count = Encoding.Latin1.GetChars(name, chars);
        return CommonNames.TryGetValue(chars[..count], out var known) ? known : new string(chars[..count]);
    }

    private static bool Is(ReadOnlySpan<byte> value, ReadOnlySpan<byte> word) => Ascii(value, word);

    private static bool Holds(ReadOnlySpan<byte> list, ReadOnlySpan<byte> word)
    {
        foreach (var part in list.Split((byte)','))
            if (Ascii(list[part].Trim(" \t"u8), word)) return true;
        return false;
    }

    private static bool Ascii(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => System.Text.Ascii.EqualsIgnoreCase(a, b);

    private static bool IsNamed(Microsoft.Extensions.Primitives.StringValues connection, string name)
    {
        foreach (var value in connection)
            foreach (var part in (value ?? "").Split(',', StringSplitOptions.TrimEntries))
                if (part.Equals(name, StringComparison.OrdinalIgnoreCase)) return true;
        return false;
    }

    private static void Field(ArrayBufferWriter<byte> to, string name, string value)
    {
        Value(to, name);
        Ascii(to, ": ");
        Value(to, value);
        Ascii(to, "\r\n");
    }

    private static void Value(ArrayBufferWriter<byte> to, string text)
    {
        if (text.AsSpan().ContainsAny(Unsendable)) throw new FormatException("a field holds what would end its line");
        Ascii(to, text);
    }

    private static void Ascii(ArrayBufferWriter<byte> to, string text) => to.Advance(Encoding.Latin1.GetBytes(text, to.GetSpan(text.Length)));
}

/// <summary>What of an answer's head decides what comes behind it.</summary>
internal struct AnswerHead
{
    public int Status;
    public long? Length;
    public bool IsChunked;
    public bool KeepsConnection;
}
