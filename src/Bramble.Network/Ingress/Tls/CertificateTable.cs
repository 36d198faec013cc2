using System.Collections.Frozen;

namespace Bramble.Network.Ingress.Tls;

/// <summary>Which certificate a client gets by the name it asks for (SNI): that name's own, else the wildcard's of its first label, else none of these.
/// Immutable; a change makes a new one.</summary>
internal sealed class CertificateTable
{
    public static readonly CertificateTable Empty = new([]);

    private readonly FrozenDictionary<string, ServedCertificate> _byName;

    /// <param name="certificates">The names that each is for (its own, or a Gateway listener's); the first of several for one name wins.</param>
    public CertificateTable(IEnumerable<(string Name, ServedCertificate Certificate)> certificates)
    {
        var byName = new Dictionary<string, ServedCertificate>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, certificate) in certificates) byName.TryAdd(name, certificate);
        _byName = byName.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }

    public ServedCertificate? Find(string? serverName)
    {
        if (string.IsNullOrEmpty(serverName)) return null;
        var name = serverName.TrimEnd('.');
        if (_byName.TryGetValue(name, out var own)) return own;
        var dot = name.IndexOf('.');
        return dot > 0 && _byName.TryGetValue("*" + name[dot..], out var wildcard) ? wildcard : null;
    }
}
