using System.Collections.Concurrent;
using System.Net;

namespace Bramble.Network.Dns;

/// <summary>One SRV record: where a named port is served.</summary>
internal readonly record struct ServiceRecord(string Target, int Port);

/// <summary>All records of one name. Immutable. Without any: the name exists, nothing is there (NODATA instead of NXDOMAIN).</summary>
internal sealed record NameRecords
{
    public static readonly NameRecords Empty = new();

    /// <summary>IPv4 addresses, four bytes each.</summary>
    public IReadOnlyList<byte[]> A { get; init; } = [];

    /// <summary>IPv6 addresses, sixteen bytes each.</summary>
    public IReadOnlyList<byte[]> Aaaa { get; init; } = [];

    public IReadOnlyList<ServiceRecord> Srv { get; init; } = [];
    public IReadOnlyList<string> Ptr { get; init; } = [];
    public string? Cname { get; init; }
    public string? Text { get; init; }

    public static NameRecords OfAddresses(IEnumerable<IPAddress> addresses)
    {
        var all = addresses.Distinct().Select(a => a.GetAddressBytes()).ToList();
        return new NameRecords { A = all.FindAll(a => a.Length == 4), Aaaa = all.FindAll(a => a.Length == 16) };
    }

    /// <summary>Both together: two Services may have the same endpoint.</summary>
    public NameRecords With(NameRecords other) => this == Empty ? other : other == Empty ? this : new NameRecords
    {
        A = Union(A, other.A),
        Aaaa = Union(Aaaa, other.Aaaa),
        Srv = [.. Srv, .. other.Srv],
        Ptr = [.. Ptr.Union(other.Ptr)],
        Cname = Cname ?? other.Cname,
        Text = Text ?? other.Text,
    };

    // A node's name comes from the node and from NodeHosts.
    private static IReadOnlyList<byte[]> Union(IReadOnlyList<byte[]> some, IReadOnlyList<byte[]> others) =>
        some.Count == 0 ? others : [.. some, .. others.Where(other => !some.Any(known => known.AsSpan().SequenceEqual(other)))];
}

/// <summary>All names that this server knows, whoever contributed them. One writer; readers take no lock.</summary>
internal sealed class NameTable
{
    private readonly ConcurrentDictionary<string, NameRecords> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedDictionary<string, NameRecords>> _contributions = [];
    private readonly Dictionary<string, IReadOnlyDictionary<string, NameRecords>> _byOwner = [];

    public NameRecords? Find(ReadOnlySpan<char> name) => _names.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out var records) ? records : null;

    /// <summary>Replaces all names of <paramref name="owner"/>.</summary>
    public void Set(string owner, IReadOnlyDictionary<string, NameRecords> names)
    {
        _byOwner.TryGetValue(owner, out var before);
        foreach (var name in (before?.Keys ?? []).Union(names.Keys))
        {
            if (!_contributions.TryGetValue(name, out var contributions)) _contributions[name] = contributions = new(StringComparer.Ordinal);
            if (names.TryGetValue(name, out var records)) contributions[owner] = records;
            else contributions.Remove(owner);
            if (contributions.Count > 0)
            {
                _names[name] = contributions.Values.Aggregate((a, b) => a.With(b));
                continue;
            }
            _contributions.Remove(name);
            _names.TryRemove(name, out _);
        }
        if (names.Count > 0) _byOwner[owner] = names;
        else _byOwner.Remove(owner);
    }
}
