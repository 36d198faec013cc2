namespace Bramble.Supervisor.Layout;

/// <summary>Where K3s keeps things below the data dir (<c>--data-dir</c>, default /var/lib/rancher/k3s). Paths only; nothing is created here.</summary>
public sealed class DataLayout(string dataDir)
{
    public const string Default = "/var/lib/rancher/k3s";

    public string Root { get; } = Path.GetFullPath(dataDir);

    public string Server => Path.Combine(Root, "server");
    public string Tls => Path.Combine(Server, "tls");
    public string Cred => Path.Combine(Server, "cred");
    public string Manifests => Path.Combine(Server, "manifests");
    public string Database => Path.Combine(Server, "db", "bramble.db");
    public string Token => Path.Combine(Server, "token");
    public string NodeToken => Path.Combine(Server, "node-token");
    public string AgentToken => Path.Combine(Server, "agent-token");
    public string Passwd => Path.Combine(Cred, "passwd");

    public string Agent => Path.Combine(Root, "agent");
    public string AgentEtc => Path.Combine(Agent, "etc");
    public string CniConf => Path.Combine(AgentEtc, "cni", "net.d");
    public string Images => Path.Combine(Agent, "images");
    public string StaticPods => Path.Combine(Agent, "pod-manifests");
    public string ContainerdRoot => Path.Combine(Agent, "containerd");
    public string ContainerdConfig => Path.Combine(AgentEtc, "containerd", "config.toml");
    public string ContainerdCerts => Path.Combine(AgentEtc, "containerd", "certs.d");
    public string ContainerdLog => Path.Combine(ContainerdRoot, "containerd.log");
    public string CrictlConfig => Path.Combine(AgentEtc, "crictl.yaml");
    public string SocketHolder => Path.Combine(Agent, "socket-holder");
    public string Storage => Path.Combine(Root, "storage");

    /// <summary>A file below server/tls.</summary>
    public string TlsFile(string name) => Path.Combine(Tls, name);

    /// <summary>A file below agent/.</summary>
    public string AgentFile(string name) => Path.Combine(Agent, name);
}
