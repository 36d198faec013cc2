using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Bramble.Network.Nftables;
using Bramble.Network.Services;
using Bramble.Network.Tests.Support;

namespace Bramble.Network.Bench;

/// <summary>Two pods on a bridge: throughput, round trips and new connections a second, by how many rules are in the way.</summary>
internal static class Packets
{
    private const int Port = 8080;
    private static readonly TimeSpan Each = TimeSpan.FromSeconds(2), StreamTime = TimeSpan.FromSeconds(1);

    public static void Measure()
    {
        NetworkNamespace.Run("ip", "link add cni0 address 0a:58:0a:2a:00:01 type bridge");
        NetworkNamespace.Run("ip", "addr add 10.42.0.1/16 dev cni0");
        NetworkNamespace.Run("ip", "link set cni0 up");
        File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1");
        if (File.Exists("/proc/sys/net/bridge/bridge-nf-call-iptables")) File.WriteAllText("/proc/sys/net/bridge/bridge-nf-call-iptables", "1");
        using var client = Pod("c", "10.42.255.5");
        using var server = Pod("s", "10.42.255.6");
        using var serving = Serve(server);
        var backend = new Backend("10.42.255.6", Port, IsLocal: true);

        Show("no rules: pod to pod", client, "10.42.255.6", Port);
        using (var nftables = new NftablesLibrary())
        {
            foreach (var part in RuleLoad.Rules(backend).TakeAll(RuleLoad.Base)) nftables.Apply(part);
            Show($"Bramble's {RuleLoad.Services} services: pod to pod", client, "10.42.255.6", Port);
            Show($"Bramble's {RuleLoad.Services} services: pod to service", client, RuleLoad.Address(0), 80);
            nftables.Apply("flush ruleset");
        }
        if (!File.Exists("/usr/sbin/iptables-restore"))
        {
            Figure.Print("iptables", "not installed");
            return;
        }
        var watch = Stopwatch.StartNew();
        Restore(Iptables());
        Figure.Print($"iptables' rules of {RuleLoad.Services} services: loaded", $"{watch.Elapsed.TotalSeconds:0.0} s");
        Show($"iptables' {RuleLoad.Services} services: pod to pod", client, "10.42.255.6", Port);
        Show($"iptables' {RuleLoad.Services} services: pod to the last service", client, RuleLoad.Address(RuleLoad.Services - 1), 80);
        Restore("*nat\nCOMMIT\n*filter\nCOMMIT\n");
    }

    private static void Show(string name, NetworkNamespace client, string address, int port)
    {
        var (mbits, share, trips, median, connections) = client.Inside(() => (Throughput(address, port, out var perCpuSecond), perCpuSecond, Trips(address, port, out var middle), middle, Connections(address, port)));
        Figure.Print(name, $"{mbits:0} Mbit/s ({share:0} Mbit a CPU second), {trips:0} round trips/s (median {median:0.0} µs), {connections:0} new connections/s");
    }

    // The median of several short runs: on a machine that does other things too, one run says little.
    private static double Throughput(string address, int port, out double mbitsACpuSecond)
    {
        var runs = new List<double>();
        var shares = new List<double>();
        for (var i = 0; i < 7; i++)
        {
            runs.Add(Stream(address, port, out var share));
            shares.Add(share);
        }
        mbitsACpuSecond = RuleLoad.Median(shares);
        return RuleLoad.Median(runs);
    }

    // Both ends are threads of this process: bits a CPU second hold on a busy machine too.
    private static double Stream(string address, int port, out double mbitsACpuSecond)
    {
        using var socket = Connect(address, port, 'd');
        var buffer = new byte[256 * 1024];
        var cpu = Environment.CpuUsage.TotalTime;
        var watch = Stopwatch.StartNew();
        long bytes = 0;
        while (watch.Elapsed < StreamTime) bytes += socket.Send(buffer);
        var took = watch.Elapsed.TotalSeconds;
        mbitsACpuSecond = bytes * 8 / 1e6 / (Environment.CpuUsage.TotalTime - cpu).TotalSeconds;
        return bytes * 8 / 1e6 / took;
    }

    private static double Trips(string address, int port, out double median)
    {
        using var socket = Connect(address, port, 'e');
        var one = new byte[1];
        var times = new List<double>();
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < Each)
        {
            var started = Stopwatch.GetTimestamp();
            socket.Send(one);
            socket.Receive(one);
            times.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
        }
        median = RuleLoad.Median(times);
        return times.Count / watch.Elapsed.TotalSeconds;
    }

    private static double Connections(string address, int port)
    {
        var one = new byte[1];
        var count = 0;
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < Each)
        {
            using var socket = Connect(address, port, 'e');
            socket.Send(one);
            socket.Receive(one);
            // No TIME_WAIT: ports must last.
            socket.LingerState = new LingerOption(true, 0);
            count++;
        }
        return count / watch.Elapsed.TotalSeconds;
    }

    private static Socket Connect(string address, int port, char what)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, SendTimeout = 5000, ReceiveTimeout = 5000 };
        socket.Connect(IPAddress.Parse(address), port);
        socket.Send([(byte)what]);
        return socket;
    }

    // The first byte says what the connection is for: d discards, e echoes.
    private static Socket Serve(NetworkNamespace place)
    {
        var listener = place.Inside(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Any, Port));
            socket.Listen(512);
            return socket;
        });
        var accepting = new Thread(() =>
        {
            while (true)
                try
                {
                    var client = listener.Accept();
                    new Thread(() => Answer(client), 256 * 1024) { IsBackground = true }.Start();
                }
                catch (SocketException)
                {
                    return; // the listener is closed: over
                }
        })
        { IsBackground = true };
        accepting.Start();
        return listener;
    }

    private static void Answer(Socket client)
    {
        using var _ = client;
        client.NoDelay = true;
        var buffer = new byte[256 * 1024];
        try
        {
            if (client.Receive(buffer, 1, SocketFlags.None) == 0) return;
            var echoes = buffer[0] == 'e';
            while (client.Receive(buffer) is > 0 and var count)
                if (echoes) client.Send(buffer.AsSpan(0, count));
        }
        catch (SocketException)
        {
            return; // the client reset it, as it means to
        }
    }

    private static NetworkNamespace Pod(string name, string address)
    {
        var pod = new NetworkNamespace();
        NetworkNamespace.Run("ip", $"link add veth{name} type veth peer name eth0 netns {pod.Path}");
        NetworkNamespace.Run("ip", $"link set veth{name} master cni0 up");
        pod.Ip($"addr add {address}/16 dev eth0");
        pod.Ip("link set eth0 up");
        pod.Ip("route add default via 10.42.0.1");
        return pod;
    }

    // As kube-proxy's iptables mode writes them: a list of services, a chain a service, a chain an endpoint.
    private static string Iptables()
    {
        var chains = new StringBuilder("*nat\n:KUBE-SERVICES - [0:0]\n");
        var rules = new StringBuilder("-A PREROUTING -j KUBE-SERVICES\n-A OUTPUT -j KUBE-SERVICES\n");
        for (var i = 0; i < RuleLoad.Services; i++)
        {
            rules.Append($"-A KUBE-SERVICES -d {RuleLoad.Address(i)}/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-{i}\n");
            chains.Append($":KUBE-SVC-{i} - [0:0]\n");
            var backends = i == RuleLoad.Services - 1 ? [new Backend("10.42.255.6", Port, IsLocal: true)] : RuleLoad.Backends(i, 0);
            for (var b = 0; b < backends.Count; b++)
            {
                chains.Append($":KUBE-SEP-{i}-{b} - [0:0]\n");
                var chance = b == backends.Count - 1 ? "" : $" -m statistic --mode random --probability {1.0 / (backends.Count - b):0.00000}";
                rules.Append($"-A KUBE-SVC-{i}{chance} -j KUBE-SEP-{i}-{b}\n-A KUBE-SEP-{i}-{b} -p tcp -m tcp -j DNAT --to-destination {backends[b].Address}:{backends[b].Port}\n");
            }
        }
        return $"{chains}{rules}COMMIT\n";
    }

    private static void Restore(string rules)
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, rules);
        NetworkNamespace.Run("iptables-restore", file);
        File.Delete(file);
    }
}
