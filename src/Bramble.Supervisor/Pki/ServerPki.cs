using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Bramble.Supervisor.Layout;

namespace Bramble.Supervisor.Pki;

/// <summary>What goes into the server's certificates besides the fixed names.</summary>
public sealed record ServerNames(
    string NodeName,
    string ClusterDomain,
    IReadOnlyList<IPAddress> NodeAddresses,
    IReadOnlyList<IPAddress> ServiceAddresses,
    IReadOnlyList<string> TlsSans);

/// <summary>The server's CAs, keys and certificates in K3s' files (server/tls). <see cref="Open"/> makes what is missing and renews what is due;
/// CAs that a user put there beforehand are used.</summary>
public sealed class ServerPki
{
    private readonly DataLayout _layout;
    private readonly TimeProvider _time;

    private ServerPki(DataLayout layout, TimeProvider time, CertificateAuthority server, CertificateAuthority client, CertificateAuthority requestHeader)
    {
        (_layout, _time, ServerCa, ClientCa, RequestHeaderCa) = (layout, time, server, client, requestHeader);
    }

    public CertificateAuthority ServerCa { get; }
    public CertificateAuthority ClientCa { get; }
    public CertificateAuthority RequestHeaderCa { get; }

    /// <summary>PEM files with certificate and key, by K3s' name: <c>client-admin</c>.</summary>
    public (string Certificate, string Key) Pair(string name) => (_layout.TlsFile(name + ".crt"), _layout.TlsFile(name + ".key"));

    /// <summary>RSA key that signs service account tokens.</summary>
    public string ServiceAccountKey => _layout.TlsFile("service.current.key");

    /// <summary>Keys whose tokens are accepted (rotation leaves old ones here).</summary>
    public string ServiceAccountVerificationKeys => _layout.TlsFile("service.key");

    public static ServerPki Open(DataLayout layout, ServerNames names, TimeProvider time)
    {
        var now = time.GetUtcNow();
        var pki = new ServerPki(
            layout, time, Authority(layout, "server-ca", "k3s-server-ca", time), Authority(layout, "client-ca", "k3s-client-ca", time),
            Authority(layout, "request-header-ca", "k3s-request-header-ca", time));
        SafeFile.WriteIfChanged(layout.TlsFile("server-ca.nochain.crt"), pki.ServerCa.Certificate.ExportCertificatePem() + "\n", SafeFile.Shared);
        SafeFile.WriteIfChanged(layout.TlsFile("client-ca.nochain.crt"), pki.ClientCa.Certificate.ExportCertificatePem() + "\n", SafeFile.Shared);
        EnsureServiceKeys(layout);

        pki.EnsureClient("client-admin", "system:admin", "system:masters");
        pki.EnsureClient("client-supervisor", "system:k3s-supervisor", "system:masters");
        pki.EnsureClient("client-controller", "system:kube-controller-manager");
        pki.EnsureClient("client-scheduler", "system:kube-scheduler");
        pki.EnsureClient("client-kube-apiserver", "system:apiserver", "system:masters");
        pki.EnsureClient("client-k3s-cloud-controller", "k3s-cloud-controller-manager");
        LeafCertificate.Ensure(layout.TlsFile("client-auth-proxy.crt"), layout.TlsFile("client-auth-proxy.key"), pki.RequestHeaderCa,
            new LeafRequest("system:auth-proxy", [], CertificateUse.Client), now);
        pki.EnsureServing(names, now);
        return pki;
    }

    /// <summary>A certificate for this machine's kubelet, as an agent would get it from the server.</summary>
    public void EnsureKubelet(string nodeName, IReadOnlyList<IPAddress> addresses)
    {
        var now = _time.GetUtcNow();
        LeafCertificate.Ensure(_layout.AgentFile("client-kubelet.crt"), _layout.AgentFile("client-kubelet.key"), ClientCa,
            new LeafRequest($"system:node:{nodeName}", ["system:nodes"], CertificateUse.Client), now);
        LeafCertificate.Ensure(_layout.AgentFile("serving-kubelet.crt"), _layout.AgentFile("serving-kubelet.key"), ServerCa,
            new LeafRequest(nodeName, [], CertificateUse.Server, [nodeName, "localhost"], [IPAddress.Loopback, IPAddress.IPv6Loopback, .. addresses]), now);
        LeafCertificate.Ensure(_layout.AgentFile("client-kube-proxy.crt"), _layout.AgentFile("client-kube-proxy.key"), ClientCa,
            new LeafRequest("system:kube-proxy", [], CertificateUse.Client), now);
        LeafCertificate.Ensure(_layout.AgentFile("client-k3s-controller.crt"), _layout.AgentFile("client-k3s-controller.key"), ClientCa,
            new LeafRequest("system:k3s-controller", [], CertificateUse.Client), now);
        SafeFile.WriteIfChanged(_layout.AgentFile("client-ca.crt"), ClientCa.ChainPem, SafeFile.Shared);
        SafeFile.WriteIfChanged(_layout.AgentFile("server-ca.crt"), ServerCa.ChainPem, SafeFile.Shared);
    }

    private void EnsureClient(string name, string commonName, params string[] organizations)
    {
        var (certificate, key) = Pair(name);
        LeafCertificate.Ensure(certificate, key, ClientCa, new LeafRequest(commonName, organizations, CertificateUse.Client), _time.GetUtcNow());
    }

    private void EnsureServing(ServerNames names, DateTimeOffset now)
    {
        string[] dns =
        [
            "kubernetes", "kubernetes.default", "kubernetes.default.svc", $"kubernetes.default.svc.{names.ClusterDomain}", "localhost", names.NodeName,
            .. ShortName(names.NodeName), .. names.TlsSans.Where(san => !IPAddress.TryParse(san, out _)),
        ];
        IPAddress[] addresses =
        [
            IPAddress.Loopback, IPAddress.IPv6Loopback, .. names.NodeAddresses, .. names.ServiceAddresses,
            .. names.TlsSans.Select(san => IPAddress.TryParse(san, out var address) ? address : null).OfType<IPAddress>(),
        ];
        var leaf = new LeafRequest("kube-apiserver", [], CertificateUse.Server, [.. dns.Distinct()], [.. addresses.Distinct()]);
        var (certificate, key) = Pair("serving-kube-apiserver");
        LeafCertificate.Ensure(certificate, key, ServerCa, leaf, now);
        EnsureListener(leaf with { CommonName = "k3s", Organizations = ["k3s"] }, now);
    }

    /// <summary>The public listener's certificate, in K3s' own file: a Secret as JSON.</summary>
    private void EnsureListener(LeafRequest leaf, DateTimeOffset now)
    {
        var path = _layout.TlsFile("dynamic-cert.json");
        if (File.Exists(path) && ReadListener(path) is var (pem, _) && LeafCertificate.WhyRenew(pem, ServerCa.Certificate, leaf, now) is null) return;
        var (certificate, key) = ServerCa.Issue(leaf);
        var secret = new JsonObject
        {
            ["kind"] = "Secret",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject { ["name"] = "k3s-serving", ["namespace"] = "kube-system" },
            ["data"] = new JsonObject
            {
                ["tls.crt"] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(certificate)),
                ["tls.key"] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(key)),
            },
            ["type"] = "kubernetes.io/tls",
        };
        SafeFile.Write(path, secret.ToJsonString());
    }

    /// <summary>Certificate (leaf and chain) and key of the public listener, PEM.</summary>
    public (string CertificatePem, string KeyPem) Listener() => ReadListener(_layout.TlsFile("dynamic-cert.json"));

    private static (string, string) ReadListener(string path)
    {
        var data = JsonNode.Parse(File.ReadAllBytes(path))?["data"];
        string Field(string name) => System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(data?[name]?.GetValue<string>() ?? ""));
        return (Field("tls.crt"), Field("tls.key"));
    }

    private static IEnumerable<string> ShortName(string nodeName)
    {
        var dot = nodeName.IndexOf('.');
        if (dot > 0) yield return nodeName[..dot];
    }

    private static CertificateAuthority Authority(DataLayout layout, string file, string commonName, TimeProvider time)
    {
        var (certificate, key) = (layout.TlsFile(file + ".crt"), layout.TlsFile(file + ".key"));
        if (!File.Exists(certificate) && !File.Exists(key))
        {
            var now = time.GetUtcNow();
            var (certificatePem, keyPem) = CertificateAuthority.Create($"{commonName}@{now.ToUnixTimeSeconds()}", now);
            SafeFile.Write(key, keyPem);
            SafeFile.Write(certificate, certificatePem, SafeFile.Shared);
        }
        return CertificateAuthority.Load(certificate, key, time);
    }

    private static void EnsureServiceKeys(DataLayout layout)
    {
        var (all, current) = (layout.TlsFile("service.key"), layout.TlsFile("service.current.key"));
        if (!File.Exists(all))
        {
            using var key = RSA.Create(2048);
            SafeFile.Write(all, key.ExportRSAPrivateKeyPem() + "\n");
        }
        // service.key may hold several keys after a rotation: the first one signs.
        var pem = File.ReadAllText(all);
        var first = PemEncoding.Find(pem);
        SafeFile.WriteIfChanged(current, pem[first.Location] + "\n");
    }
}
