using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Bramble.Network.Dns;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.Network.Bench;

/// <summary>Answers a second of the cluster DNS by UDP, with the names of 10,000 services; server and clients share the machine.</summary>
internal static class DnsRate
{
    private const int Clients = 4;
    private const int Outstanding = 16;
    private static readonly TimeSpan Each = TimeSpan.FromSeconds(3);

    public static async Task MeasureAsync()
    {
        const string zone = "cluster.local";
        var names = new NameTable();
        names.Set("zone", ClusterNames.OfZone(zone, [IPAddress.Parse("10.43.0.10")]));
        names.Set("ns", ClusterNames.OfNamespace("default", zone));
        for (var i = 0; i < RuleLoad.Services; i++)
            names.Set($"s{i}", ClusterNames.OfService(new V1Service
            {
                Metadata = new() { Name = $"s{i}", NamespaceProperty = "default" },
                Spec = new() { ClusterIP = RuleLoad.Address(i), Ports = [new() { Port = 80, Name = "http" }] },
            }, [], zone));
        using var stop = new CancellationTokenSource();
        var upstream = new Upstream("/nonexistent", [], TimeProvider.System, NullLogger.Instance);
        using var server = new DnsServer(new IPEndPoint(IPAddress.Loopback, 0), new ClusterAnswers(names, zone, RuleLoad.ClusterCidrs), upstream, new NoKeptSockets(), TimeProvider.System, NullLogger.Instance);
        server.Open();
        var running = server.RunAsync(stop.Token);
        foreach (var (kind, name) in new[] { ("a service's address", "s{0}.default.svc.cluster.local"), ("a name that does not exist", "x{0}.default.svc.cluster.local") })
        {
            var watch = Stopwatch.StartNew();
            var counts = Enumerable.Range(0, Clients).Select(client => Task.Factory.StartNew(() => Ask(server.Address, name, client), TaskCreationOptions.LongRunning)).ToList();
            var answers = (await Task.WhenAll(counts)).Sum();
            Figure.Print($"DNS: {kind}", $"{answers / watch.Elapsed.TotalSeconds:0} answers/s");
        }
        await stop.CancelAsync();
        await running;
    }

    private static long Ask(IPEndPoint server, string pattern, int client)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 1000 };
        socket.Connect(server);
        var questions = Enumerable.Range(0, 256).Select(i => Question(string.Format(System.Globalization.CultureInfo.InvariantCulture, pattern, client * 256 + i))).ToList();
        var buffer = new byte[512];
        long answers = 0;
        var next = 0;
        for (; next < Outstanding; next++) socket.Send(questions[next]);
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < Each)
        {
            if (socket.Receive(buffer, SocketFlags.None, out var lost) > 0) answers++;
            // A lost one is asked again by the next.
            if (lost is not (SocketError.Success or SocketError.TimedOut)) break;
            socket.Send(questions[next++ % questions.Count]);
        }
        return answers;
    }

    private static byte[] Question(string name)
    {
        var question = new byte[DnsQuery.HeaderBytes + DnsQuery.NameCharsMax + 6];
        question[2] = 0x01;
        question[5] = 1;
        var end = DnsQuery.HeaderBytes + DnsWriter.EncodeName(name, question.AsSpan(DnsQuery.HeaderBytes));
        question[end + 1] = (byte)DnsType.A;
        question[end + 3] = (byte)DnsType.Internet;
        return question[..(end + 4)];
    }
}
