using System.Net;
using Bramble.Network.Dns;
using Bramble.Network.Tests.Support;
using CsCheck;
using k8s.Models;

namespace Bramble.Network.Tests.Dns;

/// <summary>The Kubernetes DNS specification as a table.</summary>
public sealed class ClusterAnswersTests
{
    private static readonly ClusterAnswers Answers = Build();

    private static ClusterAnswers Build()
    {
        const string zone = "cluster.local";
        var names = new NameTable();
        names.Set("zone", ClusterNames.OfZone(zone, [IPAddress.Parse("10.43.0.10")]));
        names.Set("ns", ClusterNames.OfNamespace("default", zone));
        names.Set("web", ClusterNames.OfService(Make.Service("web", "10.43.0.7", Make.Port(80, name: "http"), Make.Port(53, protocol: "UDP")), [], zone));
        var dual = Make.Service("dual", "10.43.0.8", Make.Port(80));
        dual.Spec.ClusterIPs = ["10.43.0.8", "fd00:43::8"];
        names.Set("dual", ClusterNames.OfService(dual, [], zone));
        var slice = Make.Slice("db", 5432, Make.Endpoint("10.42.0.5", hostname: "db-0"), Make.Endpoint("10.42.0.6"), Make.Endpoint("10.42.0.9", ready: false));
        slice.Ports[0].Name = "sql";
        names.Set("db", ClusterNames.OfService(Make.Service("db", "None", Make.Port(5432, name: "sql")), [slice], zone));
        names.Set("empty", ClusterNames.OfService(Make.Service("empty", "None", Make.Port(5432)), [], zone));
        var external = Make.Service("ext", "", Make.Port(80));
        external.Spec.Type = "ExternalName";
        external.Spec.ExternalName = "Example.org.";
        names.Set("ext", ClusterNames.OfService(external, [], zone));
        names.Set("node", ClusterNames.OfNode(new V1Node
        {
            Metadata = new() { Name = "board1" },
            Status = new() { Addresses = [new() { Type = "InternalIP", Address = "192.0.2.2" }, new() { Type = "Hostname", Address = "Board1" }] },
        }));
        return new ClusterAnswers(names, zone, [IPNetwork.Parse("10.42.0.0/16"), IPNetwork.Parse("10.43.0.0/16")]);
    }

    private static string Ask(byte[] request, int limit = 4096)
    {
        Span<char> name = stackalloc char[DnsQuery.NameCharsMax];
        Assert.Equal(DnsParse.Ok, DnsQuery.Read(request, name, out var query));
        var buffer = new byte[4096];
        var kind = Answers.Answer(request, query, buffer, Math.Min(limit, query.UdpBytesMax), out var length, out var cname);
        return kind switch { AnswerKind.Forward => "forward", AnswerKind.ForwardTarget => "resolve " + cname, _ => DnsClient.Show(buffer.AsSpan(0, length)) };
    }

    [Fact]
    public void Before_the_names_are_known_nothing_of_the_cluster_is_denied()
    {
        var names = new NameTable();
        names.Set("zone", ClusterNames.OfZone("cluster.local", [IPAddress.Parse("10.43.0.10")]));
        var known = new TaskCompletionSource();
        var early = new ClusterAnswers(names, "cluster.local", [IPNetwork.Parse("10.42.0.0/16")]) { Known = known.Task };
        Assert.Equal(AnswerKind.NotYet, Kind("web.default.svc.cluster.local"));
        Assert.Equal(AnswerKind.NotYet, Kind("5.0.42.10.in-addr.arpa"));
        Assert.Equal(AnswerKind.Answered, Kind("ns.dns.cluster.local"));
        Assert.Equal(AnswerKind.Forward, Kind("example.org"));
        known.SetResult();
        Assert.Equal(AnswerKind.Answered, Kind("web.default.svc.cluster.local"));

        AnswerKind Kind(string name)
        {
            var request = DnsClient.Query(name, DnsType.A);
            DnsQuery.Read(request, new char[DnsQuery.NameCharsMax], out var query);
            return early.Answer(request, query, new byte[512], 512, out _, out _);
        }
    }

    [Theory]
    [InlineData("web.default.svc.cluster.local", DnsType.A, "NoError A 10.43.0.7")]
    [InlineData("WEB.Default.svc.cluster.LOCAL", DnsType.A, "NoError A 10.43.0.7")]
    [InlineData("web.default.svc.cluster.local", DnsType.Aaaa, "NoError (SOA)")]
    [InlineData("dual.default.svc.cluster.local", DnsType.Aaaa, "NoError AAAA fd00:43::8")]
    [InlineData("nope.default.svc.cluster.local", DnsType.A, "NameError (SOA)")]
    [InlineData("default.svc.cluster.local", DnsType.A, "NoError (SOA)")]
    [InlineData("gone.svc.cluster.local", DnsType.A, "NameError (SOA)")]
    [InlineData("cluster.local", DnsType.Soa, "NoError SOA")]
    [InlineData("cluster.local", DnsType.Ns, "NoError NS ns.dns.cluster.local")]
    [InlineData("dns-version.cluster.local", DnsType.Txt, "NoError TXT 1.1.0")]
    [InlineData("_http._tcp.web.default.svc.cluster.local", DnsType.Srv, "NoError SRV 80 web.default.svc.cluster.local; +web.default.svc.cluster.local A 10.43.0.7")]
    [InlineData("_tcp.web.default.svc.cluster.local", DnsType.A, "NoError (SOA)")]
    [InlineData("7.0.43.10.in-addr.arpa", DnsType.Ptr, "NoError PTR web.default.svc.cluster.local")]
    [InlineData("77.0.43.10.in-addr.arpa", DnsType.Ptr, "NameError (SOA)")]
    [InlineData("8.8.8.8.in-addr.arpa", DnsType.Ptr, "forward")]
    [InlineData("8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.4.0.0.0.0.d.f.ip6.arpa", DnsType.Ptr, "NoError PTR dual.default.svc.cluster.local")]
    [InlineData("db-0.db.default.svc.cluster.local", DnsType.A, "NoError A 10.42.0.5")]
    [InlineData("10-42-0-6.db.default.svc.cluster.local", DnsType.A, "NoError A 10.42.0.6")]
    [InlineData("10-42-0-9.db.default.svc.cluster.local", DnsType.A, "NameError (SOA)")]
    [InlineData("5.0.42.10.in-addr.arpa", DnsType.Ptr, "NoError PTR db-0.db.default.svc.cluster.local")]
    [InlineData("empty.default.svc.cluster.local", DnsType.A, "NoError (SOA)")]
    [InlineData("ext.default.svc.cluster.local", DnsType.A, "resolve example.org")]
    [InlineData("ext.default.svc.cluster.local", DnsType.Cname, "NoError CNAME example.org")]
    [InlineData("10-42-0-77.default.pod.cluster.local", DnsType.A, "NoError A 10.42.0.77")]
    [InlineData("fd00--7.default.pod.cluster.local", DnsType.Aaaa, "NoError AAAA fd00::7")]
    [InlineData("nonsense.default.pod.cluster.local", DnsType.A, "NameError (SOA)")]
    [InlineData("10-42-0-77.gone.pod.cluster.local", DnsType.A, "NameError (SOA)")]
    [InlineData("board1", DnsType.A, "NoError A 192.0.2.2")]
    [InlineData("2.2.0.192.in-addr.arpa", DnsType.Ptr, "NoError PTR board1")]
    [InlineData("example.org", DnsType.A, "forward")]
    [InlineData("notcluster.local", DnsType.A, "forward")]
    [InlineData("", DnsType.Ns, "forward")]
    [InlineData("cluster.local", DnsType.Axfr, "Refused")]
    [InlineData("example.org", DnsType.Ixfr, "Refused")]
    public void A_question_gets(string name, int type, string expected) => Assert.Equal(expected, Ask(DnsClient.Query(name, (ushort)type)));

    [Fact]
    public void A_headless_service_lists_its_ready_endpoints_each_time_another_first()
    {
        var answers = Enumerable.Range(0, 4).Select(_ => Ask(DnsClient.Query("db.default.svc.cluster.local", DnsType.A))).Distinct().Order();
        Assert.Equal(["NoError A 10.42.0.5; A 10.42.0.6", "NoError A 10.42.0.6; A 10.42.0.5"], answers);
        Assert.Equal(
            "NoError SRV 5432 db-0.db.default.svc.cluster.local; SRV 5432 10-42-0-6.db.default.svc.cluster.local; +db-0.db.default.svc.cluster.local A 10.42.0.5; +10-42-0-6.db.default.svc.cluster.local A 10.42.0.6",
            Ask(DnsClient.Query("_sql._tcp.db.default.svc.cluster.local", DnsType.Srv)));
    }

    [Fact]
    public void What_does_not_fit_is_cut_and_says_so()
    {
        var names = new NameTable();
        names.Set("many", new Dictionary<string, NameRecords> { ["many.cluster.local"] = NameRecords.OfAddresses(Enumerable.Range(1, 100).Select(i => new IPAddress([10, 42, 0, (byte)i]))) });
        var answers = new ClusterAnswers(names, "cluster.local", []);
        Assert.Contains("NoError truncated", Ask(ednsBytes: 0, out var small));
        Assert.InRange(small, 400, 512);
        Assert.DoesNotContain("truncated", Ask(ednsBytes: 4096, out _));

        string Ask(int ednsBytes, out int length)
        {
            var request = DnsClient.Query("many.cluster.local", DnsType.A, ednsBytes);
            DnsQuery.Read(request, new char[DnsQuery.NameCharsMax], out var query);
            var buffer = new byte[4096];
            answers.Answer(request, query, buffer, query.UdpBytesMax, out length, out _);
            return DnsClient.Show(buffer.AsSpan(0, length));
        }
    }

    [Fact]
    public void An_answer_allocates_nothing()
    {
        var request = DnsClient.Query("web.default.svc.cluster.local", DnsType.A, 1232);
        var name = new char[DnsQuery.NameCharsMax];
        var buffer = new byte[4096];
        void Once()
        {
            DnsQuery.Read(request, name, out var query);
            Answers.Answer(request, query, buffer, 1232, out _, out _);
        }
        for (var i = 0; i < 100; i++) Once();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++) Once();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2000);
    }

    /// <summary>Any bytes: an answer that can be read, or none; never an exception.</summary>
    [Fact]
    public void Any_bytes_are_survived()
    {
        var good = DnsClient.Query("_http._tcp.web.default.svc.cluster.local", DnsType.Srv, 1232);
        Gen.Select(Gen.Byte.Array[0, 80], Gen.Int[0, good.Length - 1].Array[0, 6], Gen.Byte, Gen.Bool).Sample((noise, places, value, isMutation) =>
        {
            var request = noise;
            if (isMutation)
            {
                request = [.. good];
                foreach (var place in places) request[place] ^= value;
            }
            var name = new char[DnsQuery.NameCharsMax];
            if (DnsQuery.Read(request, name, out var query) != DnsParse.Ok) return;
            var buffer = new byte[4096];
            if (Answers.Answer(request, query, buffer, query.UdpBytesMax, out var length, out _) == AnswerKind.Answered)
                Assert.DoesNotContain("BROKEN", DnsClient.Show(buffer.AsSpan(0, length)));
            DnsRecords.Walk(request, (_, start, _, _) => DnsRecords.ReadName(request, start));
        }, iter: 20_000);
    }
}
