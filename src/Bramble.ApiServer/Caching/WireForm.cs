using System.Buffers.Text;
using System.Text.Json;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.ApiServer.Caching;

/// <summary>From the bytes at rest, which hold no resourceVersion, to the bytes on the wire, which do. Copies once, parses only up to metadata.</summary>
internal static class WireForm
{
    /// <summary>The wire form of a stored value. Names are taken from <paramref name="name"/>, the uid from the bytes (or <paramref name="known"/>, an older version).</summary>
    public static KubeObject Make(NamespacedName name, ReadOnlyMemory<byte> stored, long revision, KubeObject? known = null)
    {
        var place = Locate(stored.Span);
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(revision, digits, out var length);
        var before = place.HasMembersBefore ? ",\"resourceVersion\":\""u8 : "\"resourceVersion\":\""u8;
        var after = place.HasMembersBefore || place.IsEmpty ? "\""u8 : "\","u8;
        var json = new byte[stored.Length + before.Length + length + after.Length];
        var at = place.Offset;
        stored.Span[..at].CopyTo(json);
        before.CopyTo(json.AsSpan(at));
        digits[..length].CopyTo(json.AsSpan(at + before.Length));
        after.CopyTo(json.AsSpan(at + before.Length + length));
        stored.Span[at..].CopyTo(json.AsSpan(at + before.Length + length + after.Length));
        var uid = known is not null && place.Uid.Length == known.Uid.Length && Ascii(place.Uid, known.Uid) ? known.Uid : System.Text.Encoding.UTF8.GetString(place.Uid);
        return new KubeObject(known?.Name ?? name, uid, revision, json);
    }

    /// <summary>The same object with another resourceVersion.</summary>
    public static KubeObject WithRevision(KubeObject obj, long revision)
    {
        var (start, end) = FindRevision(obj.Json.Span);
        var digits = revision.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var json = new byte[obj.Json.Length - (end - start) + digits.Length];
        obj.Json.Span[..start].CopyTo(json);
        System.Text.Encoding.ASCII.GetBytes(digits, json.AsSpan(start));
        obj.Json.Span[end..].CopyTo(json.AsSpan(start + digits.Length));
        return new KubeObject(obj.Name, obj.Uid, revision, json);
    }

    /// <summary>Start and end of the digits of metadata.resourceVersion.</summary>
    private static (int Start, int End) FindRevision(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        var isMetadata = false;
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName) continue;
            if (!isMetadata && reader.ValueTextEquals("metadata"u8)) isMetadata = true;
            else if (isMetadata && reader.ValueTextEquals("resourceVersion"u8))
            {
                reader.Read();
                return ((int)reader.TokenStartIndex + 1, (int)reader.BytesConsumed - 1);
            }
            else
            {
                reader.Read();
                reader.Skip();
                continue;
            }
            reader.Read(); // into metadata
        }
        throw new JsonException("an object of the cache has no resourceVersion");
    }

    private static bool Ascii(ReadOnlySpan<byte> bytes, string text) => System.Text.Ascii.Equals(bytes, text);

    private readonly ref struct Place
    {
        public required int Offset { get; init; }
        public required bool HasMembersBefore { get; init; }
        public required bool IsEmpty { get; init; }
        public required ReadOnlySpan<byte> Uid { get; init; }
    }

    /// <summary>Where upstream writes it: after the uid; without one at the start of metadata.</summary>
    private static Place Locate(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMetadata = reader.ValueTextEquals("metadata"u8);
            reader.Read();
            if (!isMetadata || reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }
            var start = (int)reader.BytesConsumed;
            var isEmpty = true;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                isEmpty = false;
                var isUid = reader.ValueTextEquals("uid"u8);
                reader.Read();
                if (isUid && reader.TokenType == JsonTokenType.String)
                    return new Place { Offset = (int)reader.BytesConsumed, HasMembersBefore = true, IsEmpty = false, Uid = reader.ValueSpan };
                reader.Skip();
            }
            return new Place { Offset = start, HasMembersBefore = false, IsEmpty = isEmpty, Uid = default };
        }
        throw new JsonException("a stored object has no metadata");
    }
}
