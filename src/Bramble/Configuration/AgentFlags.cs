using Bramble.Flags;

namespace Bramble.Configuration;

/// <summary>Every flag of <c>agent</c>. Those that a server has too are declared there.</summary>
internal static class AgentFlags
{
    public static readonly Flag Server = new("server", FlagKind.Text, "Server to join: https://HOST:6443", ["s"], "K3S_URL");
    public static readonly Flag LbServerPort = new("lb-server-port", FlagKind.Number, "Port on 127.0.0.1 of this node's way to the servers", null, "K3S_LB_SERVER_PORT", "6444");

    /// <summary>All of them, in the order of the help.</summary>
    public static readonly IReadOnlyList<Flag> All =
    [
        ServerFlags.Config, ServerFlags.Debug, ServerFlags.Verbosity, ServerFlags.LogFile, ServerFlags.AlsoLogToStderr, Server, ServerFlags.Token, ServerFlags.TokenFile, ServerFlags.DataDir,
        ServerFlags.NodeName, ServerFlags.WithNodeId, ServerFlags.NodeLabel, ServerFlags.NodeTaint, ServerFlags.NodeIp, ServerFlags.NodeExternalIp, ServerFlags.FlannelIface, ServerFlags.FlannelConf, ServerFlags.FlannelCniConf, LbServerPort,
        ServerFlags.KubeletArg, ServerFlags.KubeProxyArg, ServerFlags.ContainerRuntimeEndpoint, ServerFlags.PauseImage, ServerFlags.Snapshotter, ServerFlags.NonrootDevices, ServerFlags.ResolvConf,
        .. ServerFlags.Missing("docs/roadmap.md says what comes next", "bind-address", "node-internal-dns", "node-external-dns", "vpn-auth", "vpn-auth-file", "image-credential-provider-bin-dir",
            "image-credential-provider-config", "selinux", "protect-kernel-defaults", "default-runtime", "image-service-endpoint", "disable-default-registry-endpoint", "private-registry",
            "airgap-extra-registry", "enable-pprof", "rootless", "prefer-bundled-bin", "vmodule", "disable-apiserver-lb", "supervisor-metrics"),
        .. ServerFlags.Missing("Docker is no CRI runtime; leave the flag out to use Bramble's own containerd", "docker"),
    ];
}
