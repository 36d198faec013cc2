using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Patching;
using Bramble.Api.Schemas;

namespace Bramble.Api.Tests.Patching;

public class ObjectPatcherTests
{
    private const string Template = """
        {"kind":"PodTemplate","apiVersion":"v1","metadata":{"name":"a","finalizers":["x.y/1","x.y/2"]},"template":{"metadata":{},"spec":{
        "volumes":[{"name":"v","emptyDir":{}}],
        "containers":[{"name":"one","image":"i1","args":["x"],"resources":{}},{"name":"two","image":"i2","resources":{}},{"name":"three","image":"i3","resources":{}}],
        "nodeSelector":{"a":"b"}}}}
        """;

    public static TheoryData<string, string, string, string> Specs => new()
    {
        { "a container is merged by name", """{"template":{"spec":{"containers":[{"name":"two","image":"n"}]}}}""", "template.spec.containers[1].image", "\"n\"" },
        { "a new container comes where the server's order lets it", """{"template":{"spec":{"containers":[{"name":"four","image":"n"}]}}}""",
            "template.spec.containers[0].name", "\"four\"" },
        { "$patch delete removes the item", """{"template":{"spec":{"containers":[{"name":"two","$patch":"delete"}]}}}""", "template.spec.containers[1].name", "\"three\"" },
        { "$patch replace replaces the list", """{"template":{"spec":{"containers":[{"name":"solo","image":"i"},{"$patch":"replace"}]}}}""",
            "template.spec.containers", """[{"name":"solo","image":"i","resources":{}}]""" },
        { "$patch replace replaces the map", """{"template":{"spec":{"nodeSelector":{"$patch":"replace","n":"m"}}}}""", "template.spec.nodeSelector", """{"n":"m"}""" },
        { "null removes", """{"template":{"spec":{"nodeSelector":null}}}""", "template.spec.nodeSelector", "null" },
        { "an atomic list is replaced", """{"template":{"spec":{"containers":[{"name":"one","args":["z"]}]}}}""", "template.spec.containers[0].args", """["z"]""" },
        { "$retainKeys drops the other members", """{"template":{"spec":{"volumes":[{"name":"v","$retainKeys":["name","configMap"],"configMap":{"name":"c"}}]}}}""",
            "template.spec.volumes[0]", """{"name":"v","configMap":{"name":"c"}}""" },
        { "$setElementOrder orders", """{"template":{"spec":{"$setElementOrder/containers":[{"name":"three"},{"name":"one"},{"name":"two"}],"containers":[{"name":"three","image":"z"}]}}}""",
            "template.spec.containers[0].image", "\"z\"" },
        { "a list of scalars is a set", """{"metadata":{"finalizers":["x.y/2","x.y/3"]}}""", "metadata.finalizers", """["x.y/1","x.y/2","x.y/3"]""" },
        { "$deleteFromPrimitiveList removes scalars", """{"metadata":{"$deleteFromPrimitiveList/finalizers":["x.y/1"]}}""", "metadata.finalizers", """["x.y/2"]""" },
    };

    [Theory]
    [MemberData(nameof(Specs))]
    public void Strategic_patch(string rule, string patch, string path, string expected)
    {
        var patched = Patch(Template, patch, PatchType.Strategic).Tree;
        Assert.True(expected == (At(patched, path)?.ToJsonString() ?? "null"), $"{rule}: {patched.ToJsonString()}");
    }

    public static TheoryData<string, int, string> Refusals => new()
    {
        { """{"template":{"spec":{"containers":[{"image":"x"}]}}}""", 500, "map: map[image:x] does not contain declared merge key: name" },
        { """{"template":{"spec":{"containers":[{"$patch":"delete"}]}}}""", 500, "map: map[$patch:delete] does not contain declared merge key: name" },
        { """{"template":{"spec":{"nodeSelector":{"$patch":"weird"}}}}""", 500, "unknown patch type: weird in map: map[$patch:weird]" },
        { """{"template":{"spec":{"containers":[{"name":"two","$patch":"nope"}]}}}""", 500, "unknown patch type: nope in map: map[$patch:nope name:two]" },
        { """{"template":"x"}""", 422, " \"\" is invalid: patch: Invalid value: \"map[template:x]\": cannot restore struct from: string" },
        { """{"metadata":{"labels":["a"]}}""", 422, " \"\" is invalid: patch: Invalid value: \"map[metadata:map[labels:[a]]]\": cannot restore map from slice" },
        { "[]", 400, "json: cannot unmarshal array into Go value of type map[string]interface {}" },
        { "{", 400, "unexpected end of JSON input" },
        { """{"template":{"spec":{"volumes":[{"name":"v","$retainKeys":["name"],"emptyDir":{}}]}}}""", 400, "invalid patch format of retainKeys" },
        { """{"template":{"spec":{"$setElementOrder/containers":[{"name":"three"}],"containers":[{"name":"one","image":"z"}]}}}""", 500,
            "The order in patch list:\n[map[image:z name:one]]\n doesn't match $setElementOrder list:\n[map[name:three]]\n" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_strategic_patch_that_does_not_fit_is_refused_in_upstreams_words(string patch, int code, string message)
    {
        var refused = Assert.Throws<StatusException>(() => Patch(Template, patch, PatchType.Strategic));
        Assert.Equal(message, refused.Status.Message);
        Assert.Equal(code, refused.Status.Code);
    }

    [Fact]
    public void Strict_shows_the_patched_document_with_the_keys_of_touched_maps_sorted()
    {
        const string map = """{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","creationTimestamp":"2020-01-01T00:00:00Z"}}""";
        var refused = Assert.Throws<StatusException>(() => Patch(
            map, """[{"op":"add","path":"/nope","value":1},{"op":"add","path":"/data","value":{"a":"b"},"extra":"x"}]""", PatchType.Json, FieldValidation.Strict));
        Assert.Equal(
            " \"\" is invalid: patch: Invalid value: \"{\\\"apiVersion\\\":\\\"v1\\\",\\\"data\\\":{\\\"a\\\":\\\"b\\\"},\\\"kind\\\":\\\"ConfigMap\\\",\\\"metadata\\\":{\\\"name\\\":\\\"a\\\","
            + "\\\"creationTimestamp\\\":\\\"2020-01-01T00:00:00Z\\\"},\\\"nope\\\":1}\": strict decoding error: json patch unknown field \"[1].extra\", unknown field \"nope\"",
            refused.Status.Message);
    }

    public static TheoryData<string, string?> JsonPatches => new()
    {
        { """[{"op":"add","path":"/data/x~1y","value":"1"}]""", """{"a":"1","x/y":"1"}""" },
        { """[{"op":"replace","path":"/data/b","value":"1"}]""", """{"a":"1","b":"1"}""" },
        { """[{"op":"move","from":"/data/a","path":"/data/c"}]""", """{"c":"1"}""" },
        { """[{"op":"test","path":"/data/a","value":"1"},{"op":"remove","path":"/data/a"}]""", "null" },
        { """[{"op":"test","path":"/data/a","value":"2"}]""", null },
        { """[{"op":"remove","path":"/data/z"}]""", null },
        { """[{"op":"copy","path":"/data/x"}]""", null },
        { """[{"op":"nope","path":"/data/x"}]""", null },
    };

    [Theory]
    [MemberData(nameof(JsonPatches))]
    public void Json_patch(string patch, string? data)
    {
        const string map = """{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"a":"1"}}""";
        if (data is null)
            Assert.Equal(422, Assert.Throws<StatusException>(() => Patch(map, patch, PatchType.Json)).Status.Code);
        else
            Assert.Equal(data, Patch(map, patch, PatchType.Json).Tree["data"]?.ToJsonString() ?? "null");
    }

    private static JsonNode? At(JsonNode? node, string path)
    {
        foreach (var part in path.Replace("[", ".", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal).Split('.'))
            node = node is JsonArray list ? list[int.Parse(part, null)] : node?[part];
        return node;
    }

    private static DecodedObject Patch(string current, string patch, PatchType patchType, FieldValidation validation = FieldValidation.Ignore)
    {
        var tree = JsonNode.Parse(current)!.AsObject();
        var kind = new GroupVersionKind("", "v1", (string)tree["kind"]!);
        return ObjectPatcher.Patch(tree, Encoding.UTF8.GetBytes(patch), patchType, BuiltInSchemas.FindKind(kind)!, kind, validation);
    }
}
