using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Bramble.Controllers.Certificates;
using k8s.Models;

namespace Bramble.Controllers.Tests.Certificates;

/// <summary>It is noon.</summary>
public sealed class CertificateAgeTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    /// <param name="conditions">Their types, and how many minutes ago each was written; "?": it does not say.</param>
    /// <param name="age">Of the request, in minutes; -1: it does not say.</param>
    /// <param name="ends">When its certificate's time is over, minutes after noon; "text": it is none; null: there is none.</param>
    /// <param name="left">Minutes; null: it says of no time.</param>
    [Theory]
    [InlineData("nobody has decided", "", 30, null, 23.5 * 60)]
    [InlineData("nor for a day", "", 24 * 60, null, 0.0)]
    [InlineData("nor for longer", "", (24 * 60) + 5, null, -5.0)]
    [InlineData("nobody knows since when", "", -1, null, null)]
    [InlineData("denied", "Denied 20", 600, null, 40.0)]
    [InlineData("denied long ago", "Denied 90", 600, null, -30.0)]
    [InlineData("failed", "Failed 50", 600, null, 10.0)]
    [InlineData("failed an hour ago", "Failed 60", 600, null, 0.0)]
    [InlineData("failed, without a time", "Failed ?", 600, null, null)]
    [InlineData("approved, and nothing came", "Approved 60", 600, null, 23.0 * 60)]
    [InlineData("approved, and nothing came for a day", "Approved 1440", 600, null, 0.0)]
    [InlineData("approved, without a time", "Approved ?", 600, null, null)]
    [InlineData("approved and failed: as failed", "Approved 60,Failed 10", 600, null, 50.0)]
    [InlineData("signed", "Approved 10", 600, "100000", 50.0)]
    [InlineData("signed an hour ago", "Approved 60", 600, "100000", 0.0)]
    [InlineData("signed for a short while", "Approved 10", 600, "20", 20.0)]
    [InlineData("signed, and its certificate has ended", "Approved 0", 600, "-10", -10.0)]
    [InlineData("signed, without a time: with its certificate", "Approved ?", 600, "30", 30.0)]
    [InlineData("signed with what is no certificate", "Approved 10", 600, "text", 50.0)]
    [InlineData("signed and denied: what comes first", "Approved 10,Denied 30", 600, "100000", 30.0)]
    [InlineData("signed without having been approved", "Seen 10", 600, "-10", null)]
    [InlineData("signed without any condition: as nobody had", "", 600, "-10", 14.0 * 60)]
    [InlineData("a condition of somebody else", "Seen 10", 600, null, null)]
    [InlineData("somebody else's counts for nothing", "Seen 10,Denied 20", 600, null, 40.0)]
    public void When_a_request_goes(string because, string conditions, int age, string? ends, double? left)
    {
        Assert.NotEmpty(because);
        var csr = new V1CertificateSigningRequest
        {
            Metadata = new V1ObjectMeta { CreationTimestamp = age < 0 ? null : Noon.AddMinutes(-age).UtcDateTime },
            Status = new V1CertificateSigningRequestStatus
            {
                Conditions = [.. conditions.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(c => c.Split(' ')).Select(c => new V1CertificateSigningRequestCondition
                {
                    Type = c[0],
                    Status = "True",
                    LastUpdateTime = c[1] == "?" ? null : Noon.AddMinutes(-int.Parse(c[1], CultureInfo.InvariantCulture)).UtcDateTime,
                })],
            },
        };
        if (ends == "text")
        {
            csr.Status.Certificate = "a receipt"u8.ToArray();
        }
        else if (ends is not null)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            using var certificate = new CertificateRequest("CN=c", key, HashAlgorithmName.SHA256).CreateSelfSigned(Noon.AddDays(-1), Noon.AddMinutes(int.Parse(ends, CultureInfo.InvariantCulture)));
            csr.Status.Certificate = Encoding.ASCII.GetBytes(certificate.ExportCertificatePem());
        }
        Assert.Equal(left, CertificateAge.Decide(csr, Noon)?.TotalMinutes);
    }

    [Fact]
    public void Without_a_status_it_is_as_nobody_had_decided() =>
        Assert.Equal(TimeSpan.FromHours(23), CertificateAge.Decide(new V1CertificateSigningRequest { Metadata = new V1ObjectMeta { CreationTimestamp = Noon.AddHours(-1).UtcDateTime } }, Noon));
}
