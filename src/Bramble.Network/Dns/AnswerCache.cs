using System.Buffers.Binary;

namespace Bramble.Network.Dns;

/// <summary>Answers of upstream servers for as long as they may be kept, at most 30 s (as CoreDNS in K3s); after that up to an hour more for when no
/// upstream server answers (RFC 8767). Bounded: full, the oldest answers go. Thread-safe.</summary>
internal sealed class AnswerCache(TimeProvider time, int answersMax = 10_000)
{
    private const uint TtlSecondsMax = 30;
    private const uint StaleTtlSeconds = 5;
    private static readonly TimeSpan StaleFor = TimeSpan.FromHours(1);

    private readonly Dictionary<string, LinkedListNode<Entry>> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _byAge = [];
    private readonly Lock _gate = new();

    private sealed record Entry(string Key, byte[] Answer, DateTimeOffset StoredAt, TimeSpan Life);

    /// <summary>What makes two questions the same: name, type, class, how long the answer may be by EDNS and the DNSSEC-relevant bits. A label with a dot in it
    /// is not two labels.</summary>
    public static string KeyOf(in DnsQuery query, ReadOnlySpan<byte> request) => string.Create(System.Globalization.CultureInfo.InvariantCulture,
        $"{query.Name} {query.Type} {query.Class} {(query.HasEdns ? query.UdpBytesMax : 0)} {request[2] & 0x01} {request[3] & 0x10}{(query.WantsDnssec ? " do" : "")}{(query.IsOdd ? " odd" : "")}");

    /// <summary>A copy of an answer for another who asked the same: with his id, and the name in the letters he wrote it in (who mixes capitals in expects them back).</summary>
    /// <param name="question">The request up to the end of its question.</param>
    public static byte[] Readdress(byte[] answer, ReadOnlySpan<byte> question)
    {
        var copy = answer.ToArray();
        question[..2].CopyTo(copy);
        question[DnsQuery.HeaderBytes..].CopyTo(copy.AsSpan(DnsQuery.HeaderBytes));
        return copy;
    }

    /// <summary>A copy for who asks now, with the times that are left; null: none.</summary>
    /// <param name="question">The request up to the end of its question.</param>
    /// <param name="evenStale">Also one whose time is over.</param>
    public byte[]? Find(string key, ReadOnlySpan<byte> question, bool evenStale)
    {
        Entry entry;
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out var node)) return null;
            entry = node.Value;
        }
        var age = time.GetUtcNow() - entry.StoredAt;
        var isStale = age >= entry.Life;
        if (isStale && (!evenStale || age > entry.Life + StaleFor)) return null;
        var copy = Readdress(entry.Answer, question);
        var passed = (uint)age.TotalSeconds;
        DnsRecords.Walk(entry.Answer, (_, _, ttlAt, type) =>
        {
            if (type == DnsType.Opt) return;
            var ttl = BinaryPrimitives.ReadUInt32BigEndian(entry.Answer.AsSpan(ttlAt));
            BinaryPrimitives.WriteUInt32BigEndian(copy.AsSpan(ttlAt), isStale ? StaleTtlSeconds : ttl > passed ? ttl - passed : 1);
        });
        return copy;
    }

    public void Clear()
    {
        lock (_gate)
        {
            _entries.Clear();
            _byAge.Clear();
        }
    }

    /// <summary>Keeps an answer if it may be kept: whole, an answer or a "no", with a time.</summary>
    public void Add(string key, byte[] answer)
    {
        const byte truncated = 0x02;
        var code = (DnsCode)(answer[3] & 0x0f);
        if ((answer[2] & truncated) != 0 || code is not (DnsCode.NoError or DnsCode.NameError)) return;
        var life = TtlSecondsMax;
        var hasTtl = false;
        var isWhole = DnsRecords.Walk(answer, (_, _, ttlAt, type) =>
        {
            if (type == DnsType.Opt) return;
            hasTtl = true;
            life = Math.Min(life, BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(ttlAt)));
        });
        if (!isWhole || !hasTtl || life == 0) return;
        lock (_gate)
        {
            if (_entries.Remove(key, out var old)) _byAge.Remove(old);
            while (_entries.Count >= answersMax)
            {
                _entries.Remove(_byAge.First!.Value.Key);
                _byAge.RemoveFirst();
            }
            _entries[key] = _byAge.AddLast(new Entry(key, answer, time.GetUtcNow(), TimeSpan.FromSeconds(life)));
        }
    }
}
