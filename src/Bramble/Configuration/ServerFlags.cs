using Bramble.Flags;

namespace Bramble.Configuration;

/// <summary>Every flag of <c>server</c>. Names, variables and defaults are K3s'.</summary>
internal static class ServerFlags
{
    private const string Agents = "docs/roadmap.md says what comes next";
    private const string ExternalStores = "this version keeps its state in the embedded SQLite (docs/roadmap.md)";

    public static readonly Flag Config = new("config", FlagKind.Text, "Configuration file; its folder FILE.d/*.yaml is read after it", ["c"], "K3S_CONFIG_FILE", "/etc/rancher/k3s/config.yaml");
    public static readonly Flag Debug = new("debug", FlagKind.Switch, "Log more", null, "K3S_DEBUG");
    public static readonly Flag Verbosity = new("v", FlagKind.Number, "Log verbosity; 4 and above logs as --debug", null, null, "0");
    public static readonly Flag LogFile = new("log", FlagKind.Text, "Write the log to this file", ["l"]);
    public static readonly Flag AlsoLogToStderr = new("alsologtostderr", FlagKind.Switch, "With --log: write it to standard error too");

    public static readonly Flag BindAddress = new("bind-address", FlagKind.Text, "Address that this machine's servers listen on: the API server's and the kubelet's", null, null, "0.0.0.0");
    public static readonly Flag HttpsListenPort = new("https-listen-port", FlagKind.Number, "Port the API server listens on", null, null, "6443");
    public static readonly Flag AdvertiseAddress = new("advertise-address", FlagKind.Text, "Address of the API server that pods are given (default: the node's)");
    public static readonly Flag AdvertisePort = new("advertise-port", FlagKind.Number, "Port of the API server that pods are given (default: the listen port)", null, null, "0");
    public static readonly Flag TlsSan = new("tls-san", FlagKind.List, "More names or addresses for the server's certificate");
    public static readonly Flag DataDir = new("data-dir", FlagKind.Text, "Folder of the state", ["d"], "K3S_DATA_DIR", "/var/lib/rancher/k3s");

    public static readonly Flag ClusterCidr = new("cluster-cidr", FlagKind.List, "Pod network", null, null, "10.42.0.0/16");
    public static readonly Flag ServiceCidr = new("service-cidr", FlagKind.List, "Service network", null, null, "10.43.0.0/16");
    public static readonly Flag ServiceNodePortRange = new("service-node-port-range", FlagKind.Text, "Ports for NodePort services", null, null, "30000-32767");
    public static readonly Flag ClusterDns = new("cluster-dns", FlagKind.List, "Address of the cluster DNS (default: the 10th of the service network)");
    public static readonly Flag ClusterDomain = new("cluster-domain", FlagKind.Text, "Domain of the cluster", null, null, "cluster.local");
    public static readonly Flag FlannelBackend = new("flannel-backend", FlagKind.Text, "Pod network: vxlan, host-gw, wireguard-native or none", null, null, "vxlan");
    public static readonly Flag FlannelIface = new("flannel-iface", FlagKind.Text, "Interface that carries the pod network (default: that of the default route)");
    public static readonly Flag FlannelIpv6Masq = new("flannel-ipv6-masq", FlagKind.Switch, "Let IPv6 pods go out with the node's address");
    public static readonly Flag FlannelExternalIp = new("flannel-external-ip", FlagKind.Switch, "Send pods' packets between nodes to their external addresses");
    public static readonly Flag FlannelConf = new("flannel-conf", FlagKind.Text, "File with flannel's net-conf.json (backend, VNI, port) in place of the cluster's");
    public static readonly Flag FlannelCniConf = new("flannel-cni-conf", FlagKind.Text, "File with a CNI configuration in place of the generated one");
    public static readonly Flag EgressSelectorMode = new("egress-selector-mode", FlagKind.Text, "What the server reaches through the agents' tunnels: agent (kubelets), pod or cluster (pods too) or disabled (nothing)", null, null, "agent");

    public static readonly Flag WriteKubeconfig = new("write-kubeconfig", FlagKind.Text, "Where to write the admin's kubeconfig", ["o"], "K3S_KUBECONFIG_OUTPUT", "/etc/rancher/k3s/k3s.yaml");
    public static readonly Flag WriteKubeconfigMode = new("write-kubeconfig-mode", FlagKind.Text, "Its file mode, octal", null, "K3S_KUBECONFIG_MODE", "0600");
    public static readonly Flag WriteKubeconfigGroup = new("write-kubeconfig-group", FlagKind.Text, "Its group", null, "K3S_KUBECONFIG_GROUP");

    public static readonly Flag Token = new("token", FlagKind.Text, "Secret by which servers and agents join (default: made at the first start)", ["t"], "K3S_TOKEN");
    public static readonly Flag TokenFile = new("token-file", FlagKind.Text, "File with the token", null, "K3S_TOKEN_FILE");
    public static readonly Flag AgentToken = new("agent-token", FlagKind.Text, "Secret by which only agents join", null, "K3S_AGENT_TOKEN");
    public static readonly Flag AgentTokenFile = new("agent-token-file", FlagKind.Text, "File with the agent token", null, "K3S_AGENT_TOKEN_FILE");

    public static readonly Flag ApiServerArg = new("kube-apiserver-arg", FlagKind.List, "Setting of the API server, NAME=VALUE");
    public static readonly Flag ControllerManagerArg = new("kube-controller-manager-arg", FlagKind.List, "Setting of the controllers, NAME=VALUE", ["kube-controller-arg"]);
    public static readonly Flag SchedulerArg = new("kube-scheduler-arg", FlagKind.List, "Setting of the scheduler, NAME=VALUE");
    public static readonly Flag KubeletArg = new("kubelet-arg", FlagKind.List, "Setting of the kubelet, NAME=VALUE");
    public static readonly Flag KubeProxyArg = new("kube-proxy-arg", FlagKind.List, "Setting of the service proxy, NAME=VALUE");

    public static readonly Flag Disable = new("disable", FlagKind.List, "Leave out a packaged component: coredns, servicelb, traefik, local-storage, metrics-server");
    public static readonly Flag DisableAgent = new("disable-agent", FlagKind.Switch, "Run the control plane without a node");
    public static readonly Flag DisableScheduler = new("disable-scheduler", FlagKind.Switch, "Run no scheduler");
    public static readonly Flag DisableControllerManager = new("disable-controller-manager", FlagKind.Switch, "Run no controllers");
    public static readonly Flag DisableKubeProxy = new("disable-kube-proxy", FlagKind.Switch, "Run no service proxy");
    public static readonly Flag DisableNetworkPolicy = new("disable-network-policy", FlagKind.Switch, "Do not enforce network policies");
    public static readonly Flag DisableCloudController = new("disable-cloud-controller", FlagKind.Switch, "Do not set node addresses and roles");
    public static readonly Flag DisableHelmController = new("disable-helm-controller", FlagKind.Switch, "Run no helm controller");

    public static readonly Flag NodeName = new("node-name", FlagKind.Text, "Name of the node (default: host name)", null, "K3S_NODE_NAME");
    public static readonly Flag WithNodeId = new("with-node-id", FlagKind.Switch, "Append an id of this machine to the node's name");
    public static readonly Flag NodeLabel = new("node-label", FlagKind.List, "Label of the node, KEY=VALUE");
    public static readonly Flag NodeTaint = new("node-taint", FlagKind.List, "Taint of the node at its registration, KEY=VALUE:EFFECT");
    public static readonly Flag NodeIp = new("node-ip", FlagKind.List, "Address of the node (default: that of the default route)", ["i"]);
    public static readonly Flag NodeExternalIp = new("node-external-ip", FlagKind.List, "Address of the node for the outside");
    public static readonly Flag NodeInternalDns = new("node-internal-dns", FlagKind.List, "DNS name of the node inside");
    public static readonly Flag NodeExternalDns = new("node-external-dns", FlagKind.List, "DNS name of the node for the outside");
    public static readonly Flag Selinux = new("selinux", FlagKind.Switch, "Let containerd label containers for SELinux", null, "K3S_SELINUX");
    public static readonly Flag PrivateRegistry = new("private-registry", FlagKind.Text, "File with mirrors and credentials of image registries", null, null, "/etc/rancher/k3s/registries.yaml");
    public static readonly Flag ContainerRuntimeEndpoint = new("container-runtime-endpoint", FlagKind.Text, "Use this CRI socket in place of Bramble's own containerd");
    public static readonly Flag PauseImage = new("pause-image", FlagKind.Text, "Image of the pods' sandbox", null, null, "rancher/mirrored-pause:3.10.2");
    public static readonly Flag Snapshotter = new("snapshotter", FlagKind.Text, "containerd's snapshotter", null, null, "overlayfs");
    public static readonly Flag NonrootDevices = new("nonroot-devices", FlagKind.Switch, "Give devices to the user of the pod's security context");
    public static readonly Flag ResolvConf = new("resolv-conf", FlagKind.Text, "The node's resolv.conf for pods", null, "K3S_RESOLV_CONF");
    public static readonly Flag DefaultLocalStoragePath = new("default-local-storage-path", FlagKind.Text, "Folder of local volumes");

    /// <summary>All of them, in the order of the help.</summary>
    public static readonly IReadOnlyList<Flag> All =
    [
        Config, Debug, Verbosity, LogFile, AlsoLogToStderr, BindAddress, HttpsListenPort, AdvertiseAddress, AdvertisePort, TlsSan, DataDir,
        ClusterCidr, ServiceCidr, ServiceNodePortRange, ClusterDns, ClusterDomain, FlannelBackend, FlannelIface, FlannelIpv6Masq, FlannelExternalIp, FlannelConf, FlannelCniConf, EgressSelectorMode,
        WriteKubeconfig, WriteKubeconfigMode, WriteKubeconfigGroup, Token, TokenFile, AgentToken, AgentTokenFile,
        ApiServerArg, ControllerManagerArg, SchedulerArg, KubeletArg, KubeProxyArg,
        Disable, DisableAgent, DisableScheduler, DisableControllerManager, DisableKubeProxy, DisableNetworkPolicy, DisableCloudController, DisableHelmController,
        NodeName, WithNodeId, NodeLabel, NodeTaint, NodeIp, NodeExternalIp, NodeInternalDns, NodeExternalDns, Selinux, PrivateRegistry, ContainerRuntimeEndpoint, PauseImage, Snapshotter, NonrootDevices, ResolvConf, DefaultLocalStoragePath,
        .. Missing(Agents, "server",
            "lb-server-port", "vpn-auth", "vpn-auth-file", "supervisor-port", "apiserver-port", "apiserver-bind-address", "disable-apiserver"),
        .. Missing(ExternalStores, "datastore-endpoint", "datastore-cafile", "datastore-certfile", "datastore-keyfile", "kine-tls", "cluster-init", "cluster-reset",
            "cluster-reset-restore-path", "etcd-arg", "etcd-expose-metrics", "etcd-disable-snapshots", "etcd-snapshot-name", "etcd-snapshot-schedule-cron",
            "etcd-snapshot-reconcile-interval", "etcd-snapshot-retention", "etcd-snapshot-dir", "etcd-snapshot-compress", "etcd-s3", "etcd-s3-endpoint",
            "etcd-s3-endpoint-ca", "etcd-s3-skip-ssl-verify", "etcd-s3-insecure", "etcd-s3-access-key", "etcd-s3-secret-key", "etcd-s3-session-token", "etcd-s3-bucket",
            "etcd-s3-bucket-lookup-type", "etcd-s3-region", "etcd-s3-folder", "etcd-s3-proxy", "etcd-s3-retention", "etcd-s3-config-secret", "etcd-s3-timeout", "disable-etcd"),
        .. Missing("Secrets are stored as they are (docs/roadmap.md)", "secrets-encryption", "secrets-encryption-provider"),
        .. Missing("docs/roadmap.md says what comes next", "helm-job-image", "helm-controller-arg", "kube-cloud-controller-manager-arg", "kube-cloud-controller-arg", "embedded-registry",
            "supervisor-metrics", "image-credential-provider-bin-dir", "image-credential-provider-config", "protect-kernel-defaults", "default-runtime",
            "image-service-endpoint", "disable-default-registry-endpoint", "system-default-registry", "airgap-extra-registry", "tls-san-security",
            "enable-pprof", "rootless", "prefer-bundled-bin", "vmodule"),
        .. Missing("its service load balancer has no pods, so they need no namespace; leave the flag out", "servicelb-namespace"),
        .. Missing("Docker is no CRI runtime; leave the flag out to use Bramble's own containerd", "docker"),
    ];

    internal static IEnumerable<Flag> Missing(string why, params string[] names) =>
        names.Select(name => new Flag(name, FlagKind.Text, "", Aliases: name == "server" ? ["s"] : null, Missing: why));
}
