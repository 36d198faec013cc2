using System.Text;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;

namespace Bramble.Api.Tests.Decoding;

public class ObjectDecoderTests
{
    public static TheoryData<string, string, string> Trees => new()
    {
        { "Pod", """{"metadata":{"name":"a"},"spec":{"containers":[{"image":"i","name":"c"}]}}""",
            """{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"i","resources":{}}]},"status":{}}""" },
        { "Pod", """{"metadata":{"name":"a","labels":{},"annotations":null,"creationTimestamp":null}}""",
            """{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"containers":null},"status":{}}""" },
        { "ConfigMap", """{"data":{"a":"2"},"data":{"b":"3"},"nope":1}""",
            """{"kind":"ConfigMap","apiVersion":"v1","metadata":{},"data":{"a":"2","b":"3"}}""" },
        { "ConfigMap", """{"metadata":{"deletionTimestamp":"2020-01-02T03:04:05.9+01:00","generation":0}}""",
            """{"kind":"ConfigMap","apiVersion":"v1","metadata":{"deletionTimestamp":"2020-01-02T02:04:05Z"}}""" },
        { "Secret", """{"data":{"a":"YQ==","b":null},"immutable":false}""",
            """{"kind":"Secret","apiVersion":"v1","metadata":{},"immutable":false,"data":{"a":"YQ==","b":""}}""" },
    };

    [Theory]
    [MemberData(nameof(Trees))]
    public void A_body_becomes_what_a_struct_round_trip_leaves(string kind, string body, string tree) =>
        Assert.Equal(tree, Decode(kind, body).Tree.ToJsonString());

    public static TheoryData<string, string> Refusals => new()
    {
        { "{", "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input ({)" },
        { "", "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)" },
        { "[]", "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type "
            + "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" } (5b5d)" },
        { "{\"a\":x}", "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: invalid character 'x' looking for beginning of value ({\"a\":x})" },
        { "{\"kind\":\"Secret\"}", "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion" },
        { "{\"kind\":\"Nope\",\"apiVersion\":\"nope/v1\"}", "Nope in version \"v1\" cannot be handled as a ConfigMap: no kind \"Nope\" is registered for version \"nope/v1\" in scheme \"pkg/api/legacyscheme/scheme.go:30\"" },
        { "{\"kind\":\"ConfigMap\",\"apiVersion\":\"a/b/c\"}", "the object provided is unrecognized (must be of type ConfigMap): unexpected GroupVersion string: a/b/c ({\"kind\":\"ConfigMap\",\"apiVersio ...)" },
        { "{\"data\":{\"a\":1}}", "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string" },
        { "{\"metadata\":{\"labels\":\"x\"}}", "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string" },
        { "{\"metadata\":{\"creationTimestamp\":\"x\"}}", "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\"" },
        { "{\"binaryData\":{\"a\":\"%\"}}", "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: illegal base64 data at input byte 0" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_bad_body_is_refused_in_upstreams_words(string body, string message)
    {
        var refused = Assert.Throws<StatusException>(() => Decode("ConfigMap", body));
        Assert.Equal(400, refused.Status.Code);
        Assert.Equal(message, refused.Status.Message);
    }

    [Fact]
    public void An_eviction_may_be_of_the_version_before() =>
        Assert.Equal(
            """{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"p"}}""",
            ObjectDecoder.Decode(
                Encoding.UTF8.GetBytes("""{"kind":"Eviction","apiVersion":"policy/v1beta1","metadata":{"name":"p"}}"""),
                BodyFormat.Json, BuiltInSchemas.FindKind(new("policy", "v1", "Eviction"))!, FieldValidation.Strict).Tree.ToJsonString());

    [Fact]
    public void Strict_names_every_unknown_and_repeated_field()
    {
        const string body = """{"metadata":{"name":"a","name":"a","x":1},"data":{"a":"1","a":"2"},"data":{"b":"3"}}""";
        var refused = Assert.Throws<StatusException>(() => Decode("ConfigMap", body, FieldValidation.Strict));
        Assert.Equal(
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: duplicate field \"metadata.name\", unknown field \"metadata.x\", "
            + "duplicate field \"data.a\", duplicate field \"data\"",
            refused.Status.Message);
        Assert.Equal(4, Decode("ConfigMap", body, FieldValidation.Warn).Warnings.Count);
        Assert.Empty(Decode("ConfigMap", body).Warnings);
    }

    [Fact]
    public void Yaml_reads_as_json_does_and_names_repeated_keys_by_line()
    {
        const string body = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  bad: 1\ndata:\n  a: \"1\"\n  a: \"2\"\nother: x\n";
        var decoded = Decode("ConfigMap", body, FieldValidation.Warn, BodyFormat.Yaml);
        Assert.Equal("""{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"a":"2"}}""", decoded.Tree.ToJsonString());
        Assert.Equal(["line 8: key \"a\" already set in map", "unknown field \"metadata.bad\"", "unknown field \"other\""], decoded.Warnings);
    }

    private static DecodedObject Decode(string kind, string body, FieldValidation validation = FieldValidation.Ignore, BodyFormat format = BodyFormat.Json) =>
        ObjectDecoder.Decode(Encoding.UTF8.GetBytes(body), format, BuiltInSchemas.FindKind(new GroupVersionKind("", "v1", kind))!, validation);
}
