using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.Controllers.PolicyTypeChecking;

namespace Bramble.Controllers.Tests.PolicyTypeChecking;

/// <summary>Cases of upstream's TestTypeCheck.</summary>
public class PolicyTypeCheckerTests
{
    private static CheckedKind BuiltIn(string group, string version, string kind)
    {
        var name = new GroupVersionKind(group, version, kind);
        return new CheckedKind(name, CelKindDeclaration.Of(BuiltInSchemas.FindKind(name)!, kind)!);
    }

    private static readonly CheckedKind Deployment = BuiltIn("apps", "v1", "Deployment");
    private static readonly CheckedKind Pod = BuiltIn("", "v1", "Pod");

    private static JsonArray Check(string spec, params CheckedKind[] kinds) => PolicyTypeChecker.Check(JsonNode.Parse(spec)!.AsObject(), kinds, null);

    [Fact]
    public void A_field_that_is_not_there_is_told_with_its_place()
    {
        var warnings = Check("""{"validations":[{"expression":"true"},{"expression":"object.spec.replica > 1","messageExpression":"object.metadata.nam"}]}""", Deployment);
        Assert.Equal("spec.validations[1].expression", (string?)warnings[0]!["fieldRef"]);
        Assert.Equal("apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replica'\n | object.spec.replica > 1\n | ...........^\n", (string?)warnings[0]!["warning"]);
        Assert.Equal("spec.validations[1].messageExpression", (string?)warnings[1]!["fieldRef"]);
        Assert.Equal(2, warnings.Count);
    }

    [Fact]
    public void Each_kind_has_its_own_say()
    {
        var warnings = Check("""{"validations":[{"expression":"object.spec.replicas > 1"}]}""", Pod, Deployment);
        Assert.Equal("/v1, Kind=Pod: ERROR: <input>:1:12: undefined field 'replicas'\n | object.spec.replicas > 1\n | ...........^\n", (string?)warnings.Single()!["warning"]);
    }

    [Theory]
    [InlineData("""{"validations":[{"expression":"object.spec.replicas > 1 && object.metadata.labels['a'] == 'b' && object.spec.template.spec.containers.all(c, c.image != '')"}]}""")]
    [InlineData("""{"variables":[{"name":"n","expression":"object.spec.replicas"}],"validations":[{"expression":"variables.n > 1 && request.operation == 'CREATE' && namespaceObject.metadata.name != ''"}]}""")]
    [InlineData("""{"paramKind":{"apiVersion":"v1","kind":"X"},"validations":[{"expression":"params.any.thing == 1 && authorizer.group('').resource('pods').check('get').allowed()"}]}""")]
    [InlineData("""{"validations":[{"expression":"object.spec.strategy.rollingUpdate.maxSurge == '5%' || object.spec.strategy.rollingUpdate.maxSurge == 1"}]}""")]
    public void What_fits_is_not_mentioned(string spec) => Assert.Empty(Check(spec, Deployment));

    [Fact]
    public void Variables_have_types() =>
        Assert.Contains("no matching overload", (string?)Check("""{"variables":[{"name":"n","expression":"object.spec.replicas"}],"validations":[{"expression":"variables.n == 'a'"}]}""", Deployment).Single()!["warning"], StringComparison.Ordinal);

    [Fact]
    public void A_custom_resource_has_the_metadata_of_any_object()
    {
        var type = CelKindDeclaration.OfCustom(JsonNode.Parse("""{"type":"object","properties":{"spec":{"type":"object","properties":{"size":{"type":"integer"}}}}}""")!.AsObject(), "Thing")!;
        var thing = new CheckedKind(new GroupVersionKind("example.com", "v1", "Thing"), type);
        Assert.Empty(Check("""{"validations":[{"expression":"object.spec.size > 1 && object.metadata.labels.size() > 0 && object.kind == 'Thing'"}]}""", thing));
        Assert.Contains("undefined field 'sise'", (string?)Check("""{"validations":[{"expression":"object.spec.sise > 1"}]}""", thing).Single()!["warning"], StringComparison.Ordinal);
    }
}
