using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Bramble.Supervisor.Kubeconfigs;
using Bramble.Supervisor.Layout;

namespace Bramble.Supervisor.Joining;

/// <summary>An agent's certificates and kubeconfigs on disk (agent/), signed by the server. Keys never leave the machine and are made once.</summary>
public sealed class NodeCredentials(DataLayout layout)
{
    /// <summary>K3s renews with this much life left, and so do we; a server that is down for four months would have to be noticed.</summary>
    public static readonly TimeSpan RenewBefore = TimeSpan.FromDays(120);

    private static readonly string[] Names = ["serving-kubelet", "client-kubelet", "client-kube-proxy", "client-k3s-controller"];

    /// <summary>Has every certificate signed and writes the files.</summary>
    /// <exception cref="JoinException">The server refused or was not reached; files of before are as they were.</exception>
    public async Task FetchAsync(SupervisorClient server, NodeClaim claim, CancellationToken cancel)
    {
        var clientCa = await server.GetAsync("/v1-k3s/client-ca.crt", cancel);
        var serverCa = await server.GetAsync("/v1-k3s/server-ca.crt", cancel);
        foreach (var name in Names)
        {
            using var key = Key(name);
            var request = new CertificateRequest("", key, HashAlgorithmName.SHA256).CreateSigningRequest();
            var pem = await server.SignAsync($"/v1-k3s/{name}.crt", request, claim, cancel);
            SafeFile.Write(layout.AgentFile(name + ".crt"), pem, SafeFile.Shared);
        }
        SafeFile.WriteIfChanged(layout.AgentFile("client-ca.crt"), clientCa, SafeFile.Shared);
        SafeFile.WriteIfChanged(layout.AgentFile("server-ca.crt"), serverCa, SafeFile.Shared);
    }

    /// <summary>Kubeconfigs for tools on this machine.</summary>
    public void WriteKubeconfigs(Uri server)
    {
        foreach (var (file, name) in new[] { ("kubelet", "client-kubelet"), ("kubeproxy", "client-kube-proxy"), ("k3scontroller", "client-k3s-controller") })
            KubeconfigFile.WriteComponent(layout.AgentFile(file + ".kubeconfig"), server.GetLeftPart(UriPartial.Authority), layout.AgentFile("server-ca.crt"), layout.AgentFile(name + ".crt"), layout.AgentFile(name + ".key"));
    }

    /// <summary>All of them are on the disk and have not ended.</summary>
    public bool AreUsable(DateTimeOffset now) => Names.All(name => File.Exists(layout.AgentFile(name + ".crt")) && File.Exists(layout.AgentFile(name + ".key"))) && NotAfter() > now;

    /// <summary>The certificate by which the machine is known as this node; null: it has none, or it has ended.</summary>
    public X509Certificate2? FindOwn(string node, DateTimeOffset now)
    {
        if (!AreUsable(now)) return null;
        var own = Load("client-kubelet");
        if (own.GetNameInfo(X509NameType.SimpleName, forIssuer: false) == "system:node:" + node) return own;
        own.Dispose();
        return null;
    }

    /// <summary>Certificate and key of one of them, as a client or server needs them.</summary>
    public X509Certificate2 Load(string name) => X509Certificate2.CreateFromPemFile(layout.AgentFile(name + ".crt"), layout.AgentFile(name + ".key"));

    public X509Certificate2Collection LoadAuthorities(string name)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(layout.AgentFile(name + ".crt"));
        return authorities;
    }

    /// <summary>When the first of them ends.</summary>
    public DateTimeOffset NotAfter() => Names.Min(name =>
    {
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(layout.AgentFile(name + ".crt"));
        return new DateTimeOffset(certificate.NotAfter);
    });

    private ECDsa Key(string name)
    {
        var path = layout.AgentFile(name + ".key");
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (File.Exists(path)) key.ImportFromPem(File.ReadAllText(path));
        else SafeFile.Write(path, key.ExportECPrivateKeyPem() + "\n");
        return key;
    }
}
