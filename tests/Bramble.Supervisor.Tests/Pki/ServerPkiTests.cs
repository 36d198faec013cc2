using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bramble.Supervisor.Layout;
using Bramble.Supervisor.Pki;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Supervisor.Tests.Pki;

public sealed class ServerPkiTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bramble-pki-").FullName;
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 23, 12, 0, 0, TimeSpan.Zero));

    private DataLayout Layout => new(_folder);

    private ServerPki Open(params string[] sans) => ServerPki.Open(
        Layout, new ServerNames("pi.lan", "cluster.local", [IPAddress.Parse("192.168.1.10")], [IPAddress.Parse("10.43.0.1")], sans), _time);

    private string Content(string name) => File.ReadAllText(Layout.TlsFile(name));

    [Fact]
    public void Everything_is_valid_from_an_hour_ago()
    {
        var pki = Open();
        using var admin = X509Certificate2.CreateFromPem(Content("client-admin.crt"));
        foreach (var certificate in new[] { pki.ServerCa.Certificate, pki.ClientCa.Certificate, admin })
            Assert.Equal(_time.GetUtcNow().AddHours(-1), new DateTimeOffset(certificate.NotBefore.ToUniversalTime()));
        Assert.Equal(_time.GetUtcNow().AddDays(365), new DateTimeOffset(admin.NotAfter.ToUniversalTime()));
    }

    [Fact]
    public void A_rotation_keeps_authorities_and_token_keys_and_the_next_start_makes_the_rest_anew()
    {
        Open();
        var (ca, key, admin) = (Content("server-ca.crt"), Content("service.key"), Content("client-admin.crt"));
        var copy = CertificateFiles.Rotate(Layout, _time.GetUtcNow());
        Assert.Equal(admin, File.ReadAllText(Path.Combine(copy!, "client-admin.crt")));
        Assert.All(CertificateFiles.All(Layout), state => Assert.True(state.IsAuthority, state.File));
        Open();
        Assert.Equal((ca, key), (Content("server-ca.crt"), Content("service.key")));
        Assert.NotEqual(admin, Content("client-admin.crt"));
    }

    [Theory]
    [InlineData(-3, "NOT YET VALID")]
    [InlineData(0, "OK")]
    [InlineData(24 * 246, "WARNING")] // 120 days and less
    [InlineData(24 * 365, "EXPIRED")]
    public void A_certificate_says_how_it_is(int hoursLater, string status)
    {
        Open();
        var admin = CertificateFiles.All(Layout).Single(state => Path.GetFileName(state.File) == "client-admin.crt");
        Assert.Equal(status, admin.Status(_time.GetUtcNow().AddHours(hoursLater)));
    }

    [Fact]
    public void The_admin_is_of_system_masters_and_signed_by_the_client_CA()
    {
        var pki = Open();
        using var admin = X509Certificate2.CreateFromPem(Content("client-admin.crt"));
        Assert.Contains("CN=system:admin", admin.Subject);
        Assert.Contains("O=system:masters", admin.Subject);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(pki.ClientCa.Certificate);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = _time.GetUtcNow().DateTime;
        Assert.True(chain.Build(admin), string.Join(", ", chain.ChainStatus.Select(status => status.StatusInformation)));
    }

    [Fact]
    public void A_second_start_changes_no_file()
    {
        Open("a.example");
        var before = Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).ToDictionary(file => file, File.ReadAllText);
        Open("a.example");
        Assert.Equal(before, Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).ToDictionary(file => file, File.ReadAllText));
    }

    [Fact]
    public void A_new_name_makes_new_serving_certificates_and_keeps_the_CA()
    {
        var ca = Open().ServerCa.ChainPem;
        var pki = Open("bramble.example", "203.0.113.7");
        Assert.Equal(ca, pki.ServerCa.ChainPem);
        using var listener = X509Certificate2.CreateFromPem(pki.Listener().CertificatePem);
        var names = listener.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.Contains("bramble.example", names.EnumerateDnsNames());
        Assert.Contains("kubernetes.default.svc.cluster.local", names.EnumerateDnsNames());
        Assert.Contains("pi", names.EnumerateDnsNames());
        Assert.Contains(IPAddress.Parse("203.0.113.7"), names.EnumerateIPAddresses());
        Assert.Contains(IPAddress.Parse("10.43.0.1"), names.EnumerateIPAddresses());
    }

    [Theory]
    [InlineData(244, false)]
    [InlineData(246, true)]
    public void A_leaf_is_renewed_when_120_days_or_less_are_left(int days, bool isRenewed)
    {
        Open();
        var before = Content("client-admin.crt");
        _time.Advance(TimeSpan.FromDays(days));
        Open();
        Assert.Equal(isRenewed, before != Content("client-admin.crt"));
    }

    [Fact]
    public void Private_files_are_for_root_only()
    {
        Open();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Layout.TlsFile("client-admin.key")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Layout.Tls));
    }

    [Fact]
    public void The_token_key_is_RSA_and_the_first_of_service_key()
    {
        Open();
        using var key = RSA.Create();
        key.ImportFromPem(Content("service.current.key"));
        Assert.Equal(2048, key.KeySize);
        Assert.Equal(Content("service.key"), Content("service.current.key"));
    }

    [Fact]
    public void A_lost_CA_key_is_one_sentence_with_cause_and_fix()
    {
        Open();
        File.WriteAllText(Layout.TlsFile("server-ca.key"), Content("client-ca.key"));
        Assert.Contains("Restore both from a backup", Assert.Throws<InvalidDataException>(() => Open()).Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
