using System.Net;
using Bramble.Network.Dns.Custom;

namespace Bramble.Network.Dns;

/// <summary>What is to be done with a query that was read.</summary>
internal enum AnswerKind
{
    /// <summary>The answer is in the buffer.</summary>
    Answered,

    /// <summary>Not a name of ours: ask upstream.</summary>
    Forward,

    /// <summary>An ExternalName: its target must be resolved upstream.</summary>
    ForwardTarget,

    /// <summary>A name of a zone that has servers of its own: ask those.</summary>
    ForwardZone,

    /// <summary>A name of ours, and the names are not known yet: better a late answer than a wrong no.</summary>
    NotYet,
}

/// <summary>Answers from the <see cref="NameTable"/>: names below the cluster domain, names of nodes, and addresses looked up backwards. Allocates
/// nothing on the usual paths.</summary>
internal sealed class ClusterAnswers(NameTable names, string zone, IReadOnlyList<IPNetwork> ownNetworks)
{
    private const uint TtlSeconds = 5;
    private const uint NodeTtlSeconds = 60;

    private readonly string _podSuffix = ".pod." + zone;
    private uint _turn;
    private volatile CustomDns _custom = CustomDns.None;

    /// <summary>Done when the names are known: what is not among them then does not exist.</summary>
    public Task Known { get; init; } = Task.CompletedTask;

    /// <summary>What <c>coredns-custom</c> adds; replaced whole.</summary>
    public CustomDns Custom
    {
        get => _custom;
        set => _custom = value;
    }

    /// <param name="limit">Bytes that the client takes.</param>
    /// <param name="cname">The target, when the result is <see cref="AnswerKind.ForwardTarget"/>.</param>
    public AnswerKind Answer(ReadOnlySpan<byte> request, in DnsQuery query, Span<byte> response, int limit, out int length, out string? cname)
    {
        length = 0;
        cname = null;
        if (query.Type is DnsType.Ixfr or DnsType.Axfr)
        {
            // No secondaries: a zone is not given away as a whole.
            length = new DnsWriter(response, request, query.QuestionEnd, query.HasEdns, limit).Finish(DnsCode.Refused, isAuthoritative: false);
            return AnswerKind.Answered;
        }
        if (_custom.ZoneOf(query.Name) is { } zoneOf) return AnswerCustom(zoneOf, request, query, response, limit, out length);
        var isOurs = IsInZone(query.Name);
        var records = query.IsOdd ? null : names.Find(query.Name);
        if (!isOurs && records is null && !IsOwnReverse(query.Name)) return AnswerKind.Forward;
        if (!Known.IsCompleted && records is null) return AnswerKind.NotYet;

        var writer = new DnsWriter(response, request, query.QuestionEnd, query.HasEdns, limit);
        if (query.Class != DnsType.Internet)
        {
            length = writer.Finish(DnsCode.Refused, isAuthoritative: false);
            return AnswerKind.Answered;
        }
        if (records is { Cname: { } target })
        {
            if (query.Type != DnsType.Cname)
            {
                cname = target;
                return AnswerKind.ForwardTarget;
            }
            writer.Name(DnsType.Cname, target, TtlSeconds);
            length = writer.Finish(DnsCode.NoError, isAuthoritative: true);
            return AnswerKind.Answered;
        }
        var has = records is not null ? Write(ref writer, query, records, isOurs ? TtlSeconds : NodeTtlSeconds) : WritePod(ref writer, query, out records);
        if (!has) writer.StartOfAuthority(zone, serial: 1, TtlSeconds, isAnswer: false);
        length = writer.Finish(records is null ? DnsCode.NameError : DnsCode.NoError, isAuthoritative: true);
        return AnswerKind.Answered;
    }

    private AnswerKind AnswerCustom(CustomZone custom, ReadOnlySpan<byte> request, in DnsQuery query, Span<byte> response, int limit, out int length)
    {
        var records = query.IsOdd ? null : custom.Hosts.GetValueOrDefault(query.Name.ToString());
        length = 0;
        if (records is null && custom.FallsThrough && custom.Servers is not null) return custom.Servers.Count > 0 ? AnswerKind.ForwardZone : AnswerKind.Forward;
        var writer = new DnsWriter(response, request, query.QuestionEnd, query.HasEdns, limit);
        var has = records is not null && query.Class == DnsType.Internet && Write(ref writer, query, records, NodeTtlSeconds);
        // CoreDNS' answer of a zone whose plugins all have nothing to say.
        var nothing = custom.Hosts.Count == 0 || custom.FallsThrough ? DnsCode.Refused : DnsCode.NameError;
        if (!has && (records is not null || nothing == DnsCode.NameError)) writer.StartOfAuthority(custom.Zone, serial: 1, TtlSeconds, isAnswer: false);
        length = writer.Finish(records is null ? nothing : DnsCode.NoError, isAuthoritative: true);
        return AnswerKind.Answered;
    }

    private bool IsInZone(ReadOnlySpan<char> name) =>
        name.EndsWith(zone, StringComparison.Ordinal) && (name.Length == zone.Length || name[^(zone.Length + 1)] == '.');

    // Addresses of pods and services are nobody else's business: an upstream server would at best say no, and slowly.
    private bool IsOwnReverse(ReadOnlySpan<char> name)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (!ReadReverse(name, bytes, out var length)) return false;
        var address = new IPAddress(bytes[..length]);
        foreach (var network in ownNetworks)
            if (network.Contains(address)) return true;
        return false;
    }

    /// <summary>The address of a name below in-addr.arpa or ip6.arpa.</summary>
    private static bool ReadReverse(ReadOnlySpan<char> name, Span<byte> bytes, out int length)
    {
        const string v4 = ".in-addr.arpa", v6 = ".ip6.arpa";
        length = 0;
        if (name.EndsWith(v4, StringComparison.Ordinal))
        {
            var text = name[..^v4.Length];
            for (var i = 3; i >= 0; i--)
            {
                var dot = text.IndexOf('.');
                if (!byte.TryParse(dot < 0 ? text : text[..dot], out bytes[i]) || dot < 0 != (i == 0)) return false;
                text = dot < 0 ? default : text[(dot + 1)..];
            }
            length = 4;
            return true;
        }
        // 32 digits, the last first, a dot between any two.
        if (!name.EndsWith(v6, StringComparison.Ordinal) || name.Length != 63 + v6.Length) return false;
        for (var i = 0; i < 32; i++)
        {
            var digit = name[i * 2];
            if (!char.IsAsciiHexDigit(digit) || i < 31 && name[i * 2 + 1] != '.') return false;
            var value = char.IsAsciiDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
            bytes[15 - i / 2] = (byte)(i % 2 == 0 ? value : bytes[15 - i / 2] | value << 4);
        }
        length = 16;
        return true;
    }

    private bool Write(ref DnsWriter writer, in DnsQuery query, NameRecords records, uint ttlSeconds)
    {
        switch (query.Type)
        {
            case DnsType.A: return WriteAddresses(ref writer, records.A, ttlSeconds);
            case DnsType.Aaaa: return WriteAddresses(ref writer, records.Aaaa, ttlSeconds);
            case DnsType.Any: return WriteAddresses(ref writer, records.A, ttlSeconds) | WriteAddresses(ref writer, records.Aaaa, ttlSeconds);
            case DnsType.Srv:
                return WriteServices(ref writer, records.Srv, ttlSeconds);
            case DnsType.Ptr:
                foreach (var target in records.Ptr) writer.Name(DnsType.Ptr, target, ttlSeconds);
                return records.Ptr.Count > 0;
            case DnsType.Txt when records.Text is { } text:
                writer.Text(text, ttlSeconds);
                return true;
            case DnsType.Soa when query.Name.SequenceEqual(zone):
                writer.StartOfAuthority(zone, serial: 1, TtlSeconds, isAnswer: true);
                return true;
            case DnsType.Ns when query.Name.SequenceEqual(zone):
                writer.Name(DnsType.Ns, $"ns.dns.{zone}", TtlSeconds);
                return true;
            default:
                return false;
        }
    }

    // Clients take the first address: each answer begins with another one.
    private bool WriteAddresses(ref DnsWriter writer, IReadOnlyList<byte[]> addresses, uint ttlSeconds)
    {
        var count = addresses.Count;
        if (count == 0) return false;
        var first = count == 1 ? 0 : (int)(Interlocked.Increment(ref _turn) % (uint)count);
        for (var i = 0; i < count; i++) writer.Address(addresses[(first + i) % count], ttlSeconds);
        return true;
    }

    private bool WriteServices(ref DnsWriter writer, IReadOnlyList<ServiceRecord> services, uint ttlSeconds)
    {
        if (services.Count == 0) return false;
        var weight = (ushort)Math.Max(1, 100 / services.Count);
        foreach (var service in services) writer.Service(service.Port, service.Target, weight, ttlSeconds);
        for (var i = 0; i < services.Count; i++)
        {
            var isRepeated = false;
            for (var j = 0; j < i && !isRepeated; j++) isRepeated = services[j].Target == services[i].Target;
            if (isRepeated || names.Find(services[i].Target) is not { } target) continue;
            foreach (var address in target.A) writer.AdditionalAddress(services[i].Target, address, ttlSeconds);
            foreach (var address in target.Aaaa) writer.AdditionalAddress(services[i].Target, address, ttlSeconds);
        }
        return true;
    }

    // 10-42-0-5.default.pod.cluster.local: the address is in the name (CoreDNS' "pods insecure"); the namespace must exist.
    private bool WritePod(ref DnsWriter writer, in DnsQuery query, out NameRecords? records)
    {
        records = null;
        if (query.IsOdd || !query.Name.EndsWith(_podSuffix, StringComparison.Ordinal)) return false;
        var dot = query.Name.IndexOf('.');
        if (names.Find(query.Name[(dot + 1)..]) is null || ClusterNames.DashedAddress(query.Name[..dot]) is not { } address) return false;
        records = NameRecords.OfAddresses([address]);
        return Write(ref writer, query, records, TtlSeconds);
    }
}
