using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Naming;
using Bramble.Api.Protobuf;
using Bramble.Api.Tests.Catalog;
using CsCheck;

namespace Bramble.Api.Tests.Protobuf;

public sealed class ProtobufCodecTests
{
    private static readonly JsonObject Facts = JsonNode.Parse(File.ReadAllText(Path.Combine(ApiCatalogTests.FindFacts(), "table-columns.json")))!.AsObject();

    public static TheoryData<string> Resources => [.. Facts.Where(f => !f.Key.Contains("example.com", StringComparison.Ordinal) && f.Value!["examples"]!.AsArray().Count > 0).Select(f => f.Key)];

    /// <summary>The facts' sample objects, minimal and full, of all kinds: to protobuf, back, through Go's rules: the same object.</summary>
    [Theory]
    [MemberData(nameof(Resources))]
    public void Objects_survive_the_way_there_and_back(string key)
    {
        foreach (var example in Facts[key]!["examples"]!.AsArray())
        {
            var tree = example!["object"]!.DeepClone().AsObject();
            // Kinds of embedded objects are not in protobuf; upstream loses them too.
            foreach (var claim in tree["spec"]?["volumeClaimTemplates"] as JsonArray ?? [])
            {
                claim!.AsObject().Remove("kind");
                claim.AsObject().Remove("apiVersion");
            }
            _ = GroupVersion.TryParse((string)tree["apiVersion"]!, out var version);
            var type = ProtobufCodec.TypeOf(new(version.Group, version.Version, (string)tree["kind"]!))!;
            var before = Normalizer.Normalize(tree, type);
            var after = Normalizer.Normalize(ProtobufCodec.Decode(ProtobufCodec.Encode(before)), type);
            Assert.Equal(before.ToJsonString(), after.ToJsonString());
        }
    }

    [Fact]
    public void A_status_has_the_bytes_that_Go_writes()
    {
        var status = JsonNode.Parse("""{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"m","reason":"NotFound","code":404}""")!.AsObject();
        // runtime.Unknown {1: {1: "v1", 2: "Status"}, 2: {1: {1: "", 2: "", 3: ""}, 2: "Failure", 3: "m", 4: "NotFound", 6: 404}, 3: "", 4: ""}
        Assert.Equal(
            "6b387300" + "0a0c" + "0a027631" + "1206537461747573" + "1221" + "0a06" + "0a0012001a00" + "12074661696c757265" + "1a016d" + "22084e6f74466f756e64" + "309403" + "1a00" + "2200",
            Convert.ToHexStringLower(ProtobufCodec.Encode(status)));
    }

    [Fact]
    public void Lists_and_watch_events_carry_their_objects()
    {
        var map = """{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"k":"v"}}"""u8.ToArray();
        var list = ProtobufCodec.Decode(ProtobufCodec.EncodeList(new("", "v1", "ConfigMap"), new("7", "c", 2), [map, map]));
        Assert.Equal(("ConfigMapList", "7", 2), ((string)list["kind"]!, (string)list["metadata"]!["resourceVersion"]!, list["items"]!.AsArray().Count));
        var frame = ProtobufCodec.EncodeWatchEvent("ADDED", map);
        Assert.Equal(frame.Length - 4, (frame[2] << 8) | frame[3]);
        Assert.Equal("ADDED", System.Text.Encoding.UTF8.GetString(frame.AsSpan(6, 5)));
    }

    [Theory]
    [InlineData("7b7d", "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    [InlineData("6b3873000a050a02763112001200ff", "unexpected EOF")]
    public void Errors_are_upstreams(string hex, string error) =>
        Assert.Equal(error, Assert.Throws<ProtobufFormatException>(() => ProtobufCodec.Decode(Convert.FromHexString(hex))).Message);

    [Fact]
    public void Random_bytes_are_refused_and_never_crash()
    {
        var pod = ProtobufCodec.Encode(JsonNode.Parse("""{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","creationTimestamp":"2020-01-01T00:00:00Z"},"spec":{"containers":[{"name":"c","ports":[{"containerPort":1}],"livenessProbe":{"httpGet":{"port":"x"}}}]}}""")!.AsObject());
        Gen.Select(Gen.Int[0, pod.Length - 1], Gen.Byte, Gen.Int[0, pod.Length]).Sample((at, value, length) =>
        {
            var broken = pod[..Math.Max(4, length)].ToArray();
            if (at < broken.Length) broken[at] = value;
            Try(broken);
        });
        Gen.Byte.Array[0, 200].Sample(bytes => Try([0x6b, 0x38, 0x73, 0x00, 0x0a, 0x09, 0x0a, 0x02, 0x76, 0x31, 0x12, 0x03, 0x50, 0x6f, 0x64, 0x12, (byte)Math.Min(bytes.Length, 127), .. bytes]));

        static void Try(byte[] body)
        {
            try
            {
                Assert.NotNull(ProtobufCodec.Decode(body));
            }
            catch (ProtobufFormatException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }
}
