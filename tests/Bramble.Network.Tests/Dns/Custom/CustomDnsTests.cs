using System.Net;
using Bramble.Network.Dns;
using Bramble.Network.Dns.Custom;
using Bramble.Network.Tests.Support;

namespace Bramble.Network.Tests.Dns.Custom;

/// <summary>K3s' coredns-custom: stub domains and hosts in the Corefile's own words.</summary>
public sealed class CustomDnsTests
{
    private static readonly Dictionary<string, string> Data = new()
    {
        ["stub.server"] = """
            # the office
            corp.example:53 dns://corp.test {
                errors
                cache 30
                forward . 192.0.2.53 192.0.2.54:5353
            }
            deep.corp.example { forward . /etc/resolv.conf }
            """.Replace("{ forward", "{\n forward").Replace("conf }", "conf\n}"),
        ["lab.server"] = "lab.example {\n hosts {\n 192.0.2.7 nas.lab.example NAS2.lab.example\n fd00::7 nas.lab.example\n }\n}\n",
        ["half.server"] = "half.example {\n hosts /etc/coredns/custom/half.hosts {\n fallthrough\n }\n forward . 192.0.2.55\n}\n",
        ["half.hosts"] = "192.0.2.8 one.half.example # a comment\n",
        ["main.override"] = "log\nrewrite name exact old.example web.default.svc.cluster.local\nhosts {\n 192.0.2.9 printer.home\n fallthrough\n}\nforward vpn.example 192.0.2.60\nforward . 192.0.2.1 192.0.2.2:5353\nforward . 192.0.2.3\n",
        ["wrong.server"] = "secure.example {\n forward . tls://9.9.9.9\n}\n.:53 {\n whoami\n}\n",
        ["broken.server"] = "x {\n",
        ["readme"] = "not for the DNS",
    };

    private static readonly CustomDns Read = CustomDns.Read(Data);

    [Fact]
    public void Zones_have_their_servers_and_the_longest_wins()
    {
        Assert.Equal("192.0.2.53:53 192.0.2.54:5353", string.Join(' ', Read.ZoneOf("www.corp.example")!.Servers!));
        Assert.Equal("192.0.2.53:53 192.0.2.54:5353", string.Join(' ', Read.ZoneOf("corp.test")!.Servers!));
        Assert.Empty(Read.ZoneOf("a.deep.corp.example")!.Servers!);
        Assert.Null(Read.ZoneOf("mycorp.example"));
        Assert.Null(Read.ZoneOf("web.default.svc.cluster.local"));
    }

    [Fact]
    public void Other_servers_for_the_main_zone_take_the_place_of_the_nodes() => Assert.Equal("192.0.2.1:53 192.0.2.2:5353", string.Join(' ', Read.Servers!));

    [Fact]
    public void What_is_not_understood_is_told_and_the_rest_is_in_use() => Assert.Equal(
        [
            "broken.server: the brace after \"x\" is not closed",
            "wrong.server: forward to \"tls://9.9.9.9\": the cluster DNS asks by plain DNS at addresses only",
            "wrong.server: the cluster DNS has no \"whoami\"",
            "wrong.server: \".:53\" is no zone of its own; the main zone takes keys that end in .override",
        ], Read.Refused);

    [Theory]
    [InlineData("nas.lab.example", DnsType.A, "NoError A 192.0.2.7")]
    [InlineData("nas.lab.example", DnsType.Aaaa, "NoError AAAA fd00::7")]
    [InlineData("nas2.lab.example", DnsType.A, "NoError A 192.0.2.7")]
    [InlineData("nas2.lab.example", DnsType.Aaaa, "NoError (SOA)")]
    [InlineData("other.lab.example", DnsType.A, "NameError (SOA)")]
    [InlineData("one.half.example", DnsType.A, "NoError A 192.0.2.8")]
    [InlineData("two.half.example", DnsType.A, "ask 192.0.2.55:53")]
    [InlineData("www.corp.example", DnsType.A, "ask 192.0.2.53:53,192.0.2.54:5353")]
    [InlineData("www.deep.corp.example", DnsType.A, "forward")]
    [InlineData("www.vpn.example", DnsType.A, "ask 192.0.2.60:53")]
    [InlineData("secure.example", DnsType.A, "Refused")]
    [InlineData("printer.home", DnsType.A, "NoError A 192.0.2.9")]
    [InlineData("old.example", DnsType.A, "resolve web.default.svc.cluster.local")]
    [InlineData("elsewhere.example", DnsType.A, "forward")]
    public void Answers(string name, ushort type, string expected)
    {
        var names = new NameTable();
        names.Set("zone", ClusterNames.OfZone("cluster.local", [IPAddress.Parse("10.43.0.10")]));
        names.Set("custom", Read.Hosts);
        var answers = new ClusterAnswers(names, "cluster.local", [IPNetwork.Parse("10.42.0.0/16")]) { Custom = Read };
        var request = DnsClient.Query(name, type);
        Span<char> buffer = stackalloc char[DnsQuery.NameCharsMax];
        Assert.Equal(DnsParse.Ok, DnsQuery.Read(request, buffer, out var query));
        var response = new byte[512];
        var kind = answers.Answer(request, query, response, 512, out var length, out var cname);
        Assert.Equal(expected, kind switch
        {
            AnswerKind.Forward => "forward",
            AnswerKind.ForwardTarget => "resolve " + cname,
            AnswerKind.ForwardZone => "ask " + string.Join(',', answers.Custom.ZoneOf(name)!.Servers!),
            _ => DnsClient.Show(response.AsSpan(0, length)),
        });
    }
}
