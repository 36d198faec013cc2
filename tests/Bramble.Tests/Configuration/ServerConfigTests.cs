using System.Net;
using Bramble.Configuration;
using Bramble.Flags;

namespace Bramble.Tests.Configuration;

public class ServerConfigTests
{
    private static ServerConfig Read(params string[] line) =>
        ServerConfig.From(FlagSet.Parse(ServerFlags.All, ["--node-name=pi", "--node-ip=192.168.1.10", .. line], _ => null));

    [Fact]
    public void The_defaults_are_K3s_own()
    {
        var config = Read();
        Assert.Equal("0.0.0.0:6443", config.Listen.ToString());
        Assert.Equal("https://127.0.0.1:6443", config.LocalUrl);
        Assert.Equal(IPAddress.Parse("10.43.0.10"), Assert.Single(config.ClusterDns));
        Assert.Equal(IPAddress.Parse("10.43.0.1"), Assert.Single(config.ServiceAddresses));
        Assert.Equal(IPAddress.Parse("192.168.1.10"), config.AdvertiseAddress);
        Assert.Equal("/var/lib/rancher/k3s", config.Layout.Root);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, config.KubeconfigMode);
    }

    [Fact]
    public void With_IPv6_both_families_are_listened_on()
    {
        var config = Read("--node-ip=fd00::10", "--cluster-cidr=fd00:42::/56", "--service-cidr=fd00:43::/112");
        Assert.Equal("[::]:6443", config.Listen.ToString());
        Assert.Equal("https://127.0.0.1:6443", config.LocalUrl);
    }

    [Fact]
    public void A_bind_address_is_where_local_clients_go() => Assert.Equal("https://192.168.1.10:7443", Read("--bind-address=192.168.1.10", "--https-listen-port=7443").LocalUrl);

    [Fact]
    public void Settings_of_the_API_server_are_understood()
    {
        var config = Read("--kube-apiserver-arg=anonymous-auth=true", "--kube-apiserver-arg", "api-audiences=a,b", "--kube-apiserver-arg=service-account-jwks-uri=https://a/keys");
        Assert.Equal("https://a/keys", config.ApiServer.Text("service-account-jwks-uri"));
        Assert.True(config.ApiServer.Switch("anonymous-auth", otherwise: false));
        Assert.Equal(["a", "b"], config.ApiServer.List("api-audiences"));
    }

    [Fact]
    public void The_kubelet_listens_where_the_API_server_does()
    {
        Assert.Null(Read().Node.Bind);
        Assert.Equal(IPAddress.Loopback, Read("--bind-address=0.0.0.0").Node.KubeletAddress);
        Assert.Equal(IPAddress.Parse("192.168.1.10"), Read("--bind-address=192.168.1.10").Node.KubeletAddress);
    }

    [Theory]
    [InlineData("--node-external-dns: \"a_b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')", "--node-external-dns=pi.example,a_b")]
    [InlineData("--cluster-cidr and --service-cidr must have the same address families: one IPv4, one IPv6 or both", "--cluster-cidr=fd00:42::/56")]
    [InlineData("--service-node-port-range: \"30000\" is no range like 30000-32767", "--service-node-port-range=30000")]
    [InlineData("--node-label: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')", "--node-label=a b=c")]
    [InlineData("--node-label: a node may not give itself \"node-role.kubernetes.io/worker\", as it could draw others' pods to itself; on a server: kubectl label node NAME node-role.kubernetes.io/worker=true", "--node-label=node-role.kubernetes.io/worker=true")]
    [InlineData("--node-taint: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')", "--node-taint=a b:NoSchedule")]
    [InlineData("--flannel-backend: \"ipsec\" is not one of none, vxlan, host-gw, wireguard-native", "--flannel-backend=ipsec")]
    [InlineData("--write-kubeconfig-mode: \"rw\" is no octal mode like 0644", "--write-kubeconfig-mode=rw")]
    [InlineData("--node-taint: \"a=b\" must be KEY=VALUE:EFFECT with effect NoSchedule, PreferNoSchedule or NoExecute", "--node-taint=a=b")]
    [InlineData("--https-listen-port: 70000 is no port (1 to 65535)", "--https-listen-port=70000")]
    [InlineData("--bind-address: \"here\" is no IP address", "--bind-address=here")]
    [InlineData("--kube-proxy-arg: proxy-mode=\"ipvs\": Bramble's service proxy is nftables and has no other mode; leave it out", "--kube-proxy-arg=proxy-mode=ipvs")]
    [InlineData("--kube-proxy-arg: nodeport-addresses=\"eth0\" is no network like 192.168.1.0/24, and \"primary\" stands alone", "--kube-proxy-arg=nodeport-addresses=eth0")]
    [InlineData("--kube-proxy-arg: metrics-bind-address=\"here\" is no address and port like 127.0.0.1:10249", "--kube-proxy-arg=metrics-bind-address=here")]
    [InlineData("--kube-scheduler-arg: Bramble has no setting \"bind-address\"; nearest is \"config\" (all: config)", "--kube-scheduler-arg=bind-address=0.0.0.0")]
    public void A_wrong_value_is_one_sentence_with_cause_and_fix(string message, string flag) =>
        Assert.Equal(message, Assert.Throws<UsageException>(() => Read(flag)).Message);

    [Fact]
    public void Settings_of_the_service_proxy_are_kube_proxys()
    {
        Assert.Equal(new Bramble.Network.Services.ProxyOptions().ToString(), (Read().Proxy with { NodePortAddresses = new Bramble.Network.Services.ProxyOptions().NodePortAddresses }).ToString());
        var proxy = Read("--kube-proxy-arg=proxy-mode=nftables", "--kube-proxy-arg=nodeport-addresses=10.0.0.0/8,fd00::/8", "--kube-proxy-arg=masquerade-all", "--kube-proxy-arg=metrics-bind-address=0.0.0.0:10249",
            "--kube-proxy-arg=healthz-bind-address=", "--kube-proxy-arg=conntrack-min=5000", "--kube-proxy-arg=conntrack-max-per-core=1", "--kube-proxy-arg=conntrack-tcp-timeout-established=24h").Proxy;
        Assert.Equal("10.0.0.0/8 fd00::/8", string.Join(' ', proxy.NodePortAddresses));
        Assert.True(proxy.MasqueradesAll);
        Assert.Equal("0.0.0.0:10249", proxy.MetricsAddress!.ToString());
        Assert.Null(proxy.HealthzAddress);
        Assert.Equal(5000, proxy.ConntrackMax);
        Assert.Equal(TimeSpan.FromDays(1), proxy.EstablishedTimeout);
        Assert.Equal("192.168.1.10/32", Assert.Single(Read("--kube-proxy-arg=nodeport-addresses=primary").Proxy.NodePortAddresses).ToString());
    }

    [Fact]
    public void A_setting_that_no_component_has_is_refused() =>
        Assert.StartsWith("--kube-apiserver-arg: Bramble has no setting \"anonymus-auth\"; nearest is \"anonymous-auth\"",
            Assert.Throws<UsageException>(() => Read("--kube-apiserver-arg=anonymus-auth=true")).Message);

    [Fact]
    public void A_setting_of_the_kubelet_that_it_does_not_have_is_refused() =>
        Assert.StartsWith("--kubelet-arg: Bramble has no setting \"max-pod\"; nearest is \"max-pods\"", Assert.Throws<UsageException>(() => Read("--kubelet-arg=max-pod=50")).Message);

    [Fact]
    public void Settings_of_the_controllers_are_numbers_and_durations()
    {
        var arguments = Read("--kube-controller-manager-arg=node-monitor-grace-period=1m30s", "--kube-controller-manager-arg=node-cidr-mask-size=26").ControllerManager;
        Assert.Equal(TimeSpan.FromSeconds(90), arguments.Duration("node-monitor-grace-period", TimeSpan.Zero));
        Assert.Equal(26, arguments.Number("node-cidr-mask-size", 24));
        Assert.Equal(12500, arguments.Number("terminated-pod-gc-threshold", 12500));
        var settings = ControllerSettings.Of(Read("--kube-controller-manager-arg=disable-force-detach-on-timeout=true", "--kube-controller-manager-arg=cluster-signing-duration=720h",
            "--kube-controller-manager-arg=legacy-service-account-token-clean-up-period=48h", "--kube-controller-manager-arg=node-monitor-period=2s").ControllerManager, [], "");
        Assert.Equal((false, TimeSpan.FromDays(30), TimeSpan.FromDays(2)), (settings.ForcesDetach, settings.CertificateLifeMax, settings.LegacyTokenPeriod));
        var wrong = Read("--kube-controller-manager-arg=node-monitor-grace-period=soon").ControllerManager;
        Assert.Equal("--kube-controller-manager-arg: node-monitor-grace-period=\"soon\" is no duration like 40s or 1h30m",
            Assert.Throws<UsageException>(() => wrong.Duration("node-monitor-grace-period", TimeSpan.Zero)).Message);
    }

    [Fact]
    public void Parts_with_a_flag_of_their_own_are_disabled_like_the_others()
    {
        Assert.Equal(["coredns", "kube-proxy", "servicelb"], Read("--disable=servicelb,coredns", "--disable-kube-proxy").Disabled.Order());
        // Policies are the cluster's setting: agents are told.
        Assert.True(Read("--disable-network-policy").Cluster.DisablesNetworkPolicy);
        Assert.False(Read("--disable=servicelb").Cluster.DisablesNetworkPolicy);
    }

    [Theory]
    [InlineData("10.43.0.0/16", 10, "10.43.0.10")]
    [InlineData("10.43.0.0/16", 300, "10.43.1.44")]
    [InlineData("fd00:43::/112", 10, "fd00:43::a")]
    public void The_nth_address_of_a_range(string range, int n, string expected) =>
        Assert.Equal(IPAddress.Parse(expected), ServerConfig.Nth(IPNetwork.Parse(range), n));

    [Theory]
    [InlineData(true, "nameserver 192.168.1.1")]
    [InlineData(false, "nameserver 127.0.0.53")]
    [InlineData(false, "nameserver 192.168.1.1", "nameserver 127.0.0.1")]
    [InlineData(false, "search lan")]
    public void A_resolver_that_pods_cannot_reach_is_not_chosen(bool expected, params string[] lines) => Assert.Equal(expected, ResolvConf.IsUsable(lines));

    [Fact]
    public void The_default_route_with_the_lowest_metric_names_the_interface() => Assert.Equal("eth0", NodeAddresses.DefaultRouteInterface(
    [
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT",
        "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0",
        "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0",
        "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
    ]));
}
