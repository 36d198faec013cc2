using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.Certificates;

/// <summary>When a CertificateSigningRequest goes: an hour after it was signed, denied or failed; a day after it was made or approved and nothing came of it; and
/// when its certificate's time is over. Pure.</summary>
internal static class CertificateAge
{
    private static readonly TimeSpan Done = TimeSpan.FromHours(1);
    private static readonly TimeSpan Pending = TimeSpan.FromDays(1);

    /// <returns>How long it stays; zero or less: it goes now; null: it says of no time.</returns>
    public static TimeSpan? Decide(V1CertificateSigningRequest csr, DateTimeOffset now)
    {
        var conditions = csr.Status?.Conditions ?? [];
        if (conditions.Count == 0) return Left(csr.Metadata.CreationTimestamp, Pending, now);
        var isIssued = csr.Status!.Certificate is { Length: > 0 };
        TimeSpan? least = null;
        foreach (var condition in conditions)
        {
            switch (condition.Type)
            {
                case "Denied" or "Failed":
                    Add(Left(condition.LastUpdateTime, Done, now));
                    break;
                case "Approved":
                    Add(Left(condition.LastUpdateTime, isIssued ? Done : Pending, now));
                    // A certificate that nobody approved was given by a signer with rules of its own.
                    if (isIssued) Add(End(csr.Status.Certificate) - now);
                    break;
            }
        }
        return least;

        void Add(TimeSpan? left)
        {
            if (left is { } l && (least is null || l < least)) least = l;
        }
    }

    /// <summary>When a certificate's time is over; null: it is none.</summary>
    private static DateTimeOffset? End(byte[] pem)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(pem));
            return certificate.NotAfter.ToUniversalTime();
        }
        catch (CryptographicException)
        {
            // A signer of another's, whose text is its own.
            return null;
        }
    }

    private static TimeSpan? Left(DateTime? since, TimeSpan life, DateTimeOffset now) =>
        KubeTime.Utc(since) + life - now;
}
