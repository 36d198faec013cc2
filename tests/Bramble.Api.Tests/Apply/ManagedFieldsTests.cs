using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Apply;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;

namespace Bramble.Api.Tests.Apply;

public class ManagedFieldsTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_create_owns_what_it_says_but_not_the_identity()
    {
        var map = Decode("""{"kind":"ConfigMap","metadata":{"name":"a","labels":{"l":"v"}},"data":{"k":"v"}}""");
        ManagedFields.Update(null, map, Write("m"));
        Assert.Equal(
            """[{"manager":"m","operation":"Update","apiVersion":"v1","time":"2026-01-02T12:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:data":{".":{},"f:k":{}},"f:metadata":{"f:labels":{".":{},"f:l":{}}}}}]""",
            map["metadata"]!["managedFields"]!.ToJsonString());
    }

    [Fact]
    public void Keyed_items_are_owned_by_key()
    {
        var pod = Decode("""{"kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80,"protocol":"TCP"}]}]}}""");
        ManagedFields.Update(null, pod, Write("m", "Pod"));
        Assert.Equal(
            """{"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:image":{},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:protocol":{}}},"f:resources":{}}}}}""",
            pod["metadata"]!["managedFields"]![0]!["fieldsV1"]!.ToJsonString(Relaxed));
    }

    [Fact]
    public void An_update_takes_the_fields_it_changes_from_their_owner()
    {
        var live = Decode("""{"kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","y":"1"}}""");
        ManagedFields.Update(null, live, Write("one"));
        var changed = Decode("""{"kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"2","y":"1"}}""");
        ManagedFields.Update(live, changed, Write("two"));
        Assert.Equal(["one: {\"f:data\":{\".\":{},\"f:y\":{}}}", "two: {\"f:data\":{\"f:x\":{}}}"], Owners(changed));
    }

    [Fact]
    public void Applying_another_managers_field_conflicts_and_force_takes_it()
    {
        var live = Apply(null, """{"data":{"x":"1","z":"1"}}""", "one");
        var refused = Assert.Throws<StatusException>(() => Apply(live, """{"data":{"x":"2"}}""", "two"));
        Assert.Equal(409, refused.Status.Code);
        Assert.Equal("Apply failed with 1 conflict: conflict with \"one\": .data.x", refused.Status.Message);
        Assert.Equal(new StatusCause("FieldManagerConflict", "conflict with \"one\"", ".data.x"), refused.Status.Details!.Causes!.Single());

        var forced = Apply(live, """{"data":{"x":"2"}}""", "two", force: true);
        Assert.Equal("""{"x":"2","z":"1"}""", forced["data"]!.ToJsonString());
        Assert.Equal(["one: {\"f:data\":{\"f:z\":{}}}", "two: {\"f:data\":{\"f:x\":{}}}"], Owners(forced));
    }

    [Fact]
    public void What_is_applied_no_more_goes_unless_another_owns_it()
    {
        var live = Apply(null, """{"data":{"x":"1","y":"1"}}""", "one");
        live = Apply(live, """{"data":{"y":"1"}}""", "two");
        live = Apply(live, """{"data":{}}""", "one");
        Assert.Equal("""{"y":"1"}""", live["data"]!.ToJsonString());
    }

    [Fact]
    public void Applying_the_same_again_changes_nothing_not_even_the_time()
    {
        var live = Apply(null, """{"data":{"x":"1"}}""", "one");
        var again = Apply(live, """{"data":{"x":"1"}}""", "one", now: Noon.AddHours(1));
        Assert.True(JsonNode.DeepEquals(live, again), again.ToJsonString());
    }

    [Fact]
    public void The_first_apply_to_an_untracked_object_leaves_the_rest_to_nobody_in_particular()
    {
        var live = Decode("""{"kind":"ConfigMap","metadata":{"name":"a","uid":"u"},"data":{"x":"1"}}""");
        var applied = Apply(live, """{"data":{"y":"1"}}""", "one");
        Assert.Equal(["one: {\"f:data\":{\"f:y\":{}}}", "before-first-apply: {\"f:data\":{\".\":{},\"f:x\":{}}}"], Owners(applied));
    }

    [Fact]
    public void An_undeclared_field_is_refused() => Assert.Equal(
        "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .extra: field not declared in schema",
        Assert.Throws<StatusException>(() => Apply(null, """{"extra":{"x":1}}""", "one")).Status.Message);

    [Fact]
    public void Old_times_come_back_when_nothing_else_changed()
    {
        var old = Decode("""{"kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1"}}""");
        ManagedFields.Update(null, old, Write("one"));
        var same = (JsonObject)old.DeepClone();
        same["metadata"]!["managedFields"]![0]!["time"] = "2030-01-01T00:00:00Z";
        ManagedFields.KeepTimesWhenUnchanged(old, same);
        Assert.True(JsonNode.DeepEquals(old, same));
    }

    private static readonly System.Text.Json.JsonSerializerOptions Relaxed = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        TypeInfoResolver = System.Text.Json.Serialization.Metadata.JsonTypeInfoResolver.Combine(),
    };

    private static string[] Owners(JsonObject obj) =>
        obj["metadata"]!["managedFields"]!.AsArray().Select(e => $"{e!["manager"]}: {e["fieldsV1"]!.ToJsonString()}").ToArray();

    [Fact]
    public void Values_of_any_kind_are_applied_as_they_are()
    {
        const string Definition = """
            {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"pools.example.org"},"spec":{"versions":[{"name":"v1","schema":{"openAPIV3Schema":{"type":"object","additionalProperties":false,"properties":{
            "auto":{"type":"boolean","default":true},"length":{"type":"integer","default":32,"enum":[32,64],"example":1.5},"labels":{"type":"object","default":{"a":"b"},"additionalProperties":{"type":"string"}},"list":{"type":"array","default":[1]}}}}}]}}
            """;
        var (applied, _) = ApplyConfiguration.Decode(Encoding.UTF8.GetBytes(Definition), FieldValidation.Strict);
        var kind = new GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
        var stored = ManagedFields.Apply(null, applied, new(BuiltInSchemas.FindKind(kind)!, kind, new GroupResource(kind.Group, "customresourcedefinitions"), "", "m", Noon), force: false);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Definition)!["spec"]!["versions"]![0]!["schema"], stored["spec"]!["versions"]![0]!["schema"]), stored.ToJsonString());
    }

    private const string Ports = """
        {"type":"object","properties":{"spec":{"type":"object","properties":{"ports":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["port","protocol"],
         "items":{"type":"object","properties":{"port":{"type":"integer"},"protocol":{"type":"string","default":"TCP"},"name":{"type":"string"}}}}}}}}
        """;

    private const string Kept = """
        {"type":"object","properties":{"spec":{"type":"object","x-kubernetes-preserve-unknown-fields":true,"properties":{"a":{"type":"object","properties":{"b":{"type":"integer"}}}}}}}
        """;

    [Theory]
    [InlineData("a key that is not given has its default", Ports, """{"ports":[{"port":80,"protocol":"UDP"},{"port":80,"protocol":"TCP"}]}""", """{"ports":[{"port":80,"name":"web"}]}""",
        """{"ports":[{"port":80,"protocol":"UDP"},{"port":80,"protocol":"TCP","name":"web"}]}""")]
    [InlineData("below what keeps everything everything may be applied", Kept, """{"a":{"b":1}}""", """{"a":{"b":1,"c":2},"d":3}""", """{"a":{"b":1,"c":2},"d":3}""")]
    public void Custom_resources_are_applied_by_their_schema(string name, string schema, string first, string second, string expected)
    {
        var live = ApplyCustom(schema, null, first, "one");
        live = ApplyCustom(schema, live, second, "two");
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), live["spec"]), $"{name}: {live.ToJsonString()}");
    }

    [Fact]
    public void A_list_that_became_one_value_has_one_owner()
    {
        var live = ApplyCustom(Ports, null, """{"ports":[{"port":80}]}""", "one");
        var atomic = Ports.Replace("\"map\"", "\"atomic\"", StringComparison.Ordinal);
        Assert.Equal(
            "Apply failed with 1 conflict: conflict with \"one\": .spec.ports",
            Assert.Throws<StatusException>(() => ApplyCustom(atomic, live, """{"ports":[{"port":81}]}""", "two")).Status.Message);
        live = ApplyCustom(atomic, live, """{"ports":[{"port":81}]}""", "two", force: true);
        Assert.Equal(["two: {\"f:spec\":{\"f:ports\":{}}}"], Owners(live));
    }

    private static JsonObject ApplyCustom(string schema, JsonObject? live, string spec, string manager, bool force = false)
    {
        var type = Bramble.Api.CustomResources.StructuralSchema.TypeOf(JsonNode.Parse(schema)!.AsObject(), "Widget");
        var body = $$"""{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"},"spec":{{spec}} }""";
        var (applied, _) = ApplyConfiguration.Decode(Encoding.UTF8.GetBytes(body), FieldValidation.Strict);
        return ManagedFields.Apply(live, applied, new(type, new("example.com", "v1", "Widget"), new GroupResource("example.com", "widgets"), "", manager, Noon), force);
    }

    private static JsonObject Apply(JsonObject? live, string body, string manager, bool force = false, DateTimeOffset? now = null)
    {
        var tree = JsonNode.Parse(body)!.AsObject();
        tree["apiVersion"] = "v1";
        tree["kind"] = "ConfigMap";
        tree["metadata"] = new JsonObject { ["name"] = "a" };
        var (applied, _) = ApplyConfiguration.Decode(Encoding.UTF8.GetBytes(tree.ToJsonString()), FieldValidation.Strict);
        return ManagedFields.Apply(live, applied, Write(manager) with { Now = now ?? Noon }, force);
    }

    private static JsonObject Decode(string body) => Decode(body, JsonNode.Parse(body)!["kind"]!.ToString());

    private static JsonObject Decode(string body, string kind) =>
        ObjectDecoder.Decode(Encoding.UTF8.GetBytes(body), BodyFormat.Json, BuiltInSchemas.FindKind(new("", "v1", kind))!, FieldValidation.Ignore).Tree;

    private static FieldWrite Write(string manager, string kind = "ConfigMap") =>
        new(BuiltInSchemas.FindKind(new("", "v1", kind))!, new("", "v1", kind), new GroupResource("", kind.ToLowerInvariant() + "s"), "", manager, Noon);
}
