using Bramble.Api.Naming;
using Bramble.Api.Schemas;

namespace Bramble.Api.Tests.Schemas;

public class BuiltInSchemasTests
{
    [Fact]
    public void Every_type_of_the_facts_can_be_read_and_names_only_types_that_exist()
    {
        foreach (var name in BuiltInSchemas.TypeNames) Visit(BuiltInSchemas.Find(name)!, depth: 0);
        Assert.True(BuiltInSchemas.TypeNames.Count() > 600);

        static void Visit(SchemaType type, int depth)
        {
            if (depth > 3) return;
            foreach (var field in type.Fields) Visit(field.Type, depth + 1);
            if (type.Element is { } element) Visit(element, depth + 1);
        }
    }

    [Fact]
    public void A_kind_leads_to_its_type()
    {
        var pod = BuiltInSchemas.FindKind(new GroupVersionKind("", "v1", "Pod"))!;
        var containers = pod.FindField("spec")!.Type.FindField("containers")!;
        Assert.Equal("v1.Pod", pod.GoName);
        Assert.Equal(ListType.Map, containers.Type.ListType);
        Assert.Equal(["name"], containers.Type.ListMapKeys);
        Assert.Equal("[]v1.Container", containers.Type.GoName);
        Assert.Equal(PatchStrategy.Merge, containers.PatchStrategy);
        Assert.Null(BuiltInSchemas.FindKind(new GroupVersionKind("", "v1", "Nope")));
    }

    [Fact]
    public void Field_names_are_found_with_their_case_only()
    {
        var meta = BuiltInSchemas.Find("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")!;
        Assert.NotNull(meta.FindField("generateName"));
        Assert.Null(meta.FindField("generatename"));
        Assert.Equal(OmitRule.Zero, meta.FindField("creationTimestamp".AsSpan())!.Omit);
    }

    [Fact]
    public void Feature_gates_say_whether_they_are_on()
    {
        Assert.True(BuiltInSchemas.FeatureGates["SidecarContainers"]);
        Assert.False(BuiltInSchemas.FeatureGates["GangScheduling"]);
    }
}
