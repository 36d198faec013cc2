namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>What is said of an EndpointSlice that is written.</summary>
public class EndpointSliceRulesTests
{
    private const string Resource = "discovery.k8s.io/v1/endpointslices";

    public static TheoryData<string, string, string[]> Slices => new()
    {
        { "IPv4", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"hostname":"valid-123"}]}""", [] },
        { "IPv6", """{"addressType":"IPv6","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["a00:100::4"],"hostname":"valid-123"}]}""", [] },
        { "names", """{"addressType":"FQDN","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["foo.example.com","example.com","example.com.","hyphens-are-good.example.com"]}]}""", [] },
        { "all protocols", """{"addressType":"IPv4","ports":[{"name":"tcp","protocol":"TCP"},{"name":"udp","protocol":"UDP"},{"name":"sctp","protocol":"SCTP"}]}""", [] },
        { "protocols of applications", """{"addressType":"IPv4","ports":[{"name":"p0","appProtocol":"HTTP"},{"name":"p1","appProtocol":"https"},{"name":"p2","appProtocol":"my-protocol"},{"name":"p3","appProtocol":"example.com/custom-protocol"}]}""", [] },
        { "one port without a name", """{"addressType":"IPv4","ports":[{},{"name":"http"}]}""", [] },
        { "a long name", """{"addressType":"IPv4","ports":[{"name":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}""", [] },
        { "nothing", """{"addressType":"IPv4","ports":[]}""", [] },
        { "hints", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"hints":{"forZones":[{"name":"zone-a"}],"forNodes":[{"name":"node-1"}]}}]}""", [] },
        { "IPv4 with zeros in front", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["012.034.056.078"]}]}""",
            ["endpoints[0].addresses[0]: Invalid value: \"012.034.056.078\": must not have leading 0s"] },
        { "topology does not stay, and is not looked at", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"deprecatedTopology":{"--INVALID":"x","topology.kubernetes.io/zone":"z"}}]}""", [] },
        { "two ports without a name", """{"addressType":"IPv4","ports":[{},{}]}""",
            ["ports[1].name: Duplicate value: \"\""] },
        { "a capital in a port's name", """{"addressType":"IPv4","ports":[{"name":"aCapital"}]}""",
            ["ports[0].name: Invalid value: \"aCapital\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"] },
        { "a line in a port's name", """{"addressType":"IPv4","ports":[{"name":"almost_valid"}]}""",
            ["ports[0].name: Invalid value: \"almost_valid\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"] },
        { "a port's name too long", """{"addressType":"IPv4","ports":[{"name":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}""",
            ["ports[0].name: Invalid value: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": must be no more than 63 characters"] },
        { "a protocol that is none", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"foo"}]}""",
            ["ports[0].protocol: Unsupported value: \"foo\": supported values: \"SCTP\", \"TCP\", \"UDP\""] },
        { "an application's protocol that is none", """{"addressType":"IPv4","ports":[{"name":"http","appProtocol":"--"}]}""",
            ["ports[0].appProtocol: Invalid value: \"--\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"] },
        { "no address", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":[]}]}""",
            ["endpoints[0].addresses: Required value: must contain at least 1 address"] },
        { "too many addresses", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.0","10.1.2.1","10.1.2.2","10.1.2.3","10.1.2.4","10.1.2.5","10.1.2.6","10.1.2.7","10.1.2.8","10.1.2.9","10.1.2.10","10.1.2.11","10.1.2.12","10.1.2.13","10.1.2.14","10.1.2.15","10.1.2.16","10.1.2.17","10.1.2.18","10.1.2.19","10.1.2.20","10.1.2.21","10.1.2.22","10.1.2.23","10.1.2.24","10.1.2.25","10.1.2.26","10.1.2.27","10.1.2.28","10.1.2.29","10.1.2.30","10.1.2.31","10.1.2.32","10.1.2.33","10.1.2.34","10.1.2.35","10.1.2.36","10.1.2.37","10.1.2.38","10.1.2.39","10.1.2.40","10.1.2.41","10.1.2.42","10.1.2.43","10.1.2.44","10.1.2.45","10.1.2.46","10.1.2.47","10.1.2.48","10.1.2.49","10.1.2.50","10.1.2.51","10.1.2.52","10.1.2.53","10.1.2.54","10.1.2.55","10.1.2.56","10.1.2.57","10.1.2.58","10.1.2.59","10.1.2.60","10.1.2.61","10.1.2.62","10.1.2.63","10.1.2.64","10.1.2.65","10.1.2.66","10.1.2.67","10.1.2.68","10.1.2.69","10.1.2.70","10.1.2.71","10.1.2.72","10.1.2.73","10.1.2.74","10.1.2.75","10.1.2.76","10.1.2.77","10.1.2.78","10.1.2.79","10.1.2.80","10.1.2.81","10.1.2.82","10.1.2.83","10.1.2.84","10.1.2.85","10.1.2.86","10.1.2.87","10.1.2.88","10.1.2.89","10.1.2.90","10.1.2.91","10.1.2.92","10.1.2.93","10.1.2.94","10.1.2.95","10.1.2.96","10.1.2.97","10.1.2.98","10.1.2.99","10.1.2.100"]}]}""",
            ["endpoints[0].addresses: Too many: 101: must have at most 100 items"] },
        { "a hostname that is none", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"hostname":"--INVALID"}]}""",
            ["endpoints[0].hostname: Invalid value: \"--INVALID\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"] },
        { "a node that is none", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"nodeName":"INvalid-node-name"}]}""",
            ["endpoints[0].nodeName: Invalid value: \"INvalid-node-name\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"] },
        { "an address that is none", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["123.456.789.012"]}]}""",
            ["endpoints[0].addresses[0]: Invalid value: \"123.456.789.012\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"] },
        { "IPv6 among IPv4", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["123.456.789.012","2001:4860:4860::8888"]}]}""",
            ["endpoints[0].addresses[0]: Invalid value: \"123.456.789.012\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
             "endpoints[0].addresses: Invalid value: \"2001:4860:4860::8888\": must be an IPv4 address"] },
        { "neither is IPv6", """{"addressType":"IPv6","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["1.2.3.4","2001:4860:4860:defg"]}]}""",
            ["endpoints[0].addresses: Invalid value: \"1.2.3.4\": must be an IPv6 address",
             "endpoints[0].addresses[1]: Invalid value: \"2001:4860:4860:defg\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"] },
        { "loopback", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["127.0.0.1"]}]}""",
            ["endpoints[0].addresses[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)"] },
        { "an address of one link", """{"addressType":"IPv6","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["fe80::9656:d028:8652:66b6"]}]}""",
            ["endpoints[0].addresses[0]: Invalid value: \"fe80::9656:d028:8652:66b6\": may not be in the link-local range (169.254.0.0/16, fe80::/10)"] },
        { "names that are none", """{"addressType":"FQDN","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["foo.*","FOO.example.com","underscores_are_bad.example.com","*.example.com","com",""]}]}""",
            ["endpoints[0].addresses[0]: Invalid value: \"foo.*\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
             "endpoints[0].addresses[1]: Invalid value: \"FOO.example.com\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
             "endpoints[0].addresses[2]: Invalid value: \"underscores_are_bad.example.com\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
             "endpoints[0].addresses[3]: Invalid value: \"*.example.com\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
             "endpoints[0].addresses[4]: Invalid value: \"com\": should be a domain with at least two segments separated by dots",
             "endpoints[0].addresses[5]: Required value"] },
        { "a type of addresses that there was once", """{"addressType":"IP","endpoints":[{"addresses":["10.1.2.3"]}]}""",
            ["addressType: Unsupported value: \"IP\": supported values: \"FQDN\", \"IPv4\", \"IPv6\""] },
        { "no type of addresses", """{}""",
            ["addressType: Required value"] },
        { "a zone that is none", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"hints":{"forZones":[{"name":"inv@lid"}]}}]}""",
            ["endpoints[0].hints.forZones[0].name: Invalid value: \"inv@lid\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"] },
        { "a zone twice", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"hints":{"forZones":[{"name":"zone-a"},{"name":"zone-b"},{"name":"zone-a"}]}}]}""",
            ["endpoints[0].hints.forZones[2].name: Duplicate value: \"zone-a\""] },
        { "too many zones, and nothing of nodes then", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"hints":{"forZones":[{"name":"zone-a"},{"name":"zone-b"},{"name":"zone-c"},{"name":"zone-d"},{"name":"zone-e"},{"name":"zone-f"},{"name":"zone-g"},{"name":"zone-h"},{"name":"zone-i"}],"forNodes":[{"name":""}]}}]}""",
            ["endpoints[0].hints.forZones: Too many: 9: must have at most 8 items"] },
        { "nodes that are none", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"hints":{"forNodes":[{"name":"!@#$!@"},{"name":""}]}}]}""",
            ["endpoints[0].hints.forNodes[0].name: Invalid value: \"!@#$!@\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
             "endpoints[0].hints.forNodes[1].name: Invalid value: \"\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"] },
        { "a node twice", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"hints":{"forNodes":[{"name":"node-1"},{"name":"node-2"},{"name":"node-1"}]}}]}""",
            ["endpoints[0].hints.forNodes[2].name: Duplicate value: \"node-1\""] },
        { "too many nodes", """{"addressType":"IPv4","ports":[{"name":"http","protocol":"TCP"}],"endpoints":[{"addresses":["10.1.2.3"],"hints":{"forNodes":[{"name":"node-0"},{"name":"node-1"},{"name":"node-2"},{"name":"node-3"},{"name":"node-4"},{"name":"node-5"},{"name":"node-6"},{"name":"node-7"},{"name":"node-8"}]}}]}""",
            ["endpoints[0].hints.forNodes: Too many: 9: must have at most 8 items"] },
    };

    [Theory]
    [MemberData(nameof(Slices))]
    public void A_slice_is_told(string why, string slice, string[] expected)
    {
        Assert.NotEmpty(why);
        Assert.Equal(expected, Written.Create(Resource, slice));
    }

    [Theory]
    [InlineData("""{"addressType":"IPv4","ports":[PORTS]}""", 20000, 0, null)]
    [InlineData("""{"addressType":"IPv4","ports":[PORTS]}""", 20001, 0, "ports: Too many: 20001: must have at most 20000 items")]
    [InlineData("""{"addressType":"IPv4","endpoints":[ENDPOINTS]}""", 0, 1000, null)]
    [InlineData("""{"addressType":"IPv4","endpoints":[ENDPOINTS]}""", 0, 1001, "endpoints: Too many: 1001: must have at most 1000 items")]
    public void A_slice_has_an_end(string slice, int ports, int endpoints, string? expected) => Assert.Equal(
        expected is null ? [] : [expected],
        Written.Create(Resource, slice.Replace("PORTS", string.Join(',', Enumerable.Range(0, ports).Select(i => $$"""{"name":"http-{{i}}"}""")), StringComparison.Ordinal)
            .Replace("ENDPOINTS", string.Join(',', Enumerable.Repeat("""{"addresses":["10.1.2.3"]}""", endpoints)), StringComparison.Ordinal)));

    [Theory]
    [InlineData("the same", """{"addressType":"IPv6"}""", """{"addressType":"IPv6"}""", null)]
    [InlineData("addresses as they were", """{"addressType":"IPv4","endpoints":[{"addresses":["10.1.2"]}]}""", """{"addressType":"IPv4","ports":[{}],"endpoints":[{"addresses":["10.1.2"]}]}""", null)]
    [InlineData("other addresses", """{"addressType":"IPv4","endpoints":[{"addresses":["10.1.2.3"]}]}""", """{"addressType":"IPv4","endpoints":[{"addresses":["10.1.2"]}]}""",
        "endpoints[0].addresses[0]: Invalid value: \"10.1.2\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
    [InlineData("another type", """{"addressType":"IPv6"}""", """{"addressType":"IPv4"}""", "addressType: Invalid value: \"IPv4\": field is immutable")]
    [InlineData("a type that there was once", """{"addressType":"IP"}""", """{"addressType":"IP"}""", "addressType: Unsupported value: \"IP\": supported values: \"FQDN\", \"IPv4\", \"IPv6\"")]
    [InlineData("ports that are none", """{"addressType":"IPv4"}""", """{"addressType":"IPv4","ports":[{"protocol":"invalid"}]}""", "ports[0].protocol: Unsupported value: \"invalid\": supported values: \"SCTP\", \"TCP\", \"UDP\"")]
    public void An_update_is_told(string why, string before, string after, string? expected)
    {
        Assert.NotEmpty(why);
        Assert.Equal(expected is null ? [] : [expected], Written.Update(Resource, before, after));
    }
}
