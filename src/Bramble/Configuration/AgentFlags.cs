using Bramble.Flags;

namespace Bramble.Configuration;

/// <summary>Every flag of <c>agent</c>. Those that a server has too are declared there.</summary>
internal static class AgentFlags
{
    public static readonly Flag Server = new("server", FlagKind.Text, "Server to join: https://HOST:6443", ["s"], "K3S_URL");
    public static readonly Flag LbServerPort = new("lb-server-port", FlagKind.Number, "Port on 127.0.0.1 of this node's way to the servers", null, "K3S_LB_SERVER_PORT", "6444");
    public static readonly Flag DisableApiserverLb = new("disable-apiserver-lb", FlagKind.Switch, "Go to the server of --server directly, not by a load balancer on 127.0.0.1");

    /// <summary>All of them, in the order of the help.</summary>
    public static readonly IReadOnlyList<Flag> All =
    [
        ServerFlags.Config, ServerFlags.Debug, ServerFlags.Verbosity, ServerFlags.LogFile, ServerFlags.AlsoLogToStderr, Server, ServerFlags.Token, ServerFlags.TokenFile, ServerFlags.DataDir, ServerFlags.BindAddress,
        ServerFlags.NodeName, ServerFlags.WithNodeId, ServerFlags.NodeLabel, ServerFlags.NodeTaint, ServerFlags.NodeIp, ServerFlags.NodeExternalIp, ServerFlags.NodeInternalDns, ServerFlags.NodeExternalDns, ServerFlags.FlannelIface, ServerFlags.FlannelConf, ServerFlags.FlannelCniConf, LbServerPort, DisableApiserverLb,
        ServerFlags.KubeletArg, ServerFlags.KubeProxyArg, ServerFlags.Selinux, ServerFlags.PrivateRegistry, ServerFlags.ContainerRuntimeEndpoint, ServerFlags.PauseImage, ServerFlags.Snapshotter, ServerFlags.NonrootDevices, ServerFlags.ResolvConf,
        .. ServerFlags.Missing("docs/roadmap.md says what comes next", "vpn-auth", "vpn-auth-file", "image-credential-provider-bin-dir",
            "image-credential-provider-config", "protect-kernel-defaults", "default-runtime", "image-service-endpoint", "disable-default-registry-endpoint",
            "airgap-extra-registry", "enable-pprof", "rootless", "prefer-bundled-bin", "vmodule", "supervisor-metrics"),
        .. ServerFlags.Missing("Docker is no CRI runtime; leave the flag out to use Bramble's own containerd", "docker"),
    ];
}
