using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bramble.Supervisor.Layout;

namespace Bramble.Supervisor.Pki;

/// <summary>One certificate file as <c>certificate check</c> shows it.</summary>
public sealed record CertificateState(string File, string Subject, DateTimeOffset NotBefore, DateTimeOffset NotAfter, bool IsAuthority)
{
    /// <summary>K3s' words. An authority is renewed by its user, so it warns a year ahead.</summary>
    public string Status(DateTimeOffset now) =>
        now < NotBefore ? "NOT YET VALID"
        : now >= NotAfter ? "EXPIRED"
        : NotAfter - now <= (IsAuthority ? TimeSpan.FromDays(365) : LeafCertificate.RenewBefore) ? "WARNING"
        : "OK";
}

/// <summary>The certificate files below a data dir.</summary>
public static class CertificateFiles
{
    /// <summary>Every certificate of every .crt file of server and agent, by path.</summary>
    public static IReadOnlyList<CertificateState> All(DataLayout layout)
    {
        var states = new List<CertificateState>();
        foreach (var folder in (string[])[layout.Tls, layout.Agent])
        {
            if (!Directory.Exists(folder)) continue;
            foreach (var file in Directory.EnumerateFiles(folder, "*.crt").Order(StringComparer.Ordinal))
            {
                // The first of a file is its own; what follows is the chain, which has files of its own.
                using var certificate = Read(file);
                var isAuthority = certificate.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault()?.CertificateAuthority == true;
                states.Add(new(file, certificate.Subject, certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime(), isAuthority));
            }
        }
        return states;
    }

    /// <summary>Puts the server's files aside (<c>server/tls-SECONDS</c>) and removes its leaf certificates, and the agent's; the next start makes new ones. Authorities and
    /// the keys of service accounts stay.</summary>
    /// <returns>Where the copy is; null: this is no server.</returns>
    public static string? Rotate(DataLayout layout, DateTimeOffset now)
    {
        string? copy = null;
        if (Directory.Exists(layout.Tls))
        {
            copy = $"{layout.Tls}-{now.ToUnixTimeSeconds()}";
            Directory.CreateDirectory(copy, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            foreach (var file in Directory.EnumerateFiles(layout.Tls)) File.Copy(file, Path.Combine(copy, Path.GetFileName(file)), overwrite: true);
        }
        foreach (var state in All(layout).Where(state => !state.IsAuthority))
        {
            File.Delete(state.File);
            File.Delete(Path.ChangeExtension(state.File, ".key"));
        }
        File.Delete(layout.TlsFile("dynamic-cert.json"));
        return copy;
    }

    private static X509Certificate2 Read(string file)
    {
        try
        {
            return X509Certificate2.CreateFromPem(File.ReadAllText(file));
        }
        catch (CryptographicException error)
        {
            throw new InvalidDataException($"{file} is no certificate: {error.Message}", error);
        }
    }
}
