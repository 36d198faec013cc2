using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.Tests.Verbs;

/// <summary>How often a wrong owner is complained of in an update: twice by the generic layer, then as the kind's own validation looks at metadata.</summary>
public class MetadataRulesTests
{
    public static TheoryData<string, MetadataPass[], int> Cases => new()
    {
        { "a Deployment looks at what changed", [MetadataPass.Changes], 3 },
        { "a ConfigMap looks at what changed and then at all", [MetadataPass.Changes, MetadataPass.Whole], 4 },
        { "an EndpointSlice looks at all", [MetadataPass.Whole], 3 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_wrong_owner_is_told_as_often_as_upstream_does(string name, MetadataPass[] passes, int count)
    {
        var meta = JsonNode.Parse("""{"name":"a","namespace":"n","resourceVersion":"1","ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"o"}]}""")!.AsObject();
        var errors = new FieldErrors();
        MetadataRules.ValidateUpdate(meta, (JsonObject)meta.DeepClone(), isNamespaced: true, passes, (_, _) => [], errors);
        Assert.True(errors.Count == count, $"{name}: {string.Join("; ", errors)}");
        Assert.All(errors, error => Assert.Equal("metadata.ownerReferences.uid: Invalid value: \"\": must not be empty", error.ToString()));
    }

    /// <summary>Two kinds look at the name that comes of a prefix only; the rest at both.</summary>
    [Theory]
    [InlineData("", "replicationcontrollers", "abc", "Not one!", "")]
    [InlineData("", "replicationcontrollers", "X_abcde", "X_", "metadata.name")]
    [InlineData("resource.k8s.io", "deviceclasses", "abc", "Not one!", "")]
    [InlineData("", "events", "system:Node_1.17", "", "")]
    [InlineData("certificates.k8s.io", "certificatesigningrequests", "system:Node_1.17", "", "")]
    [InlineData("certificates.k8s.io", "certificatesigningrequests", "a%b", "", "metadata.name")]
    [InlineData("", "events", "a%b", "", "metadata.name")]
    [InlineData("events.k8s.io", "events", "system:Node_1.17", "", "metadata.name")]
    [InlineData("apps", "replicasets", "abc", "Not one!", "metadata.generateName")]
    [InlineData("apps", "replicasets", "X_abcde", "X_", "metadata.generateName metadata.name")]
    public void What_a_name_is_made_of_is_looked_at(string group, string plural, string name, string prefix, string expected)
    {
        var strategy = BuiltInStrategies.All(ServiceNetwork.Default, () => throw new InvalidOperationException())[new GroupResource(group, plural)];
        var errors = new FieldErrors();
        MetadataRules.Validate(new JsonObject { ["name"] = name, ["generateName"] = prefix, ["namespace"] = "n" }, isNamespaced: true, strategy.NameRule, errors);
        Assert.Equal(expected, string.Join(' ', errors.Select(e => e.ToString().Split(':')[0]).Distinct()));
    }

    /// <summary>As of a new object, and as of one that is changed.</summary>
    [Theory]
    [InlineData("", "configmaps", "a/b", false)]
    [InlineData("", "configmaps", "foregroundDeletion", false)]
    [InlineData("", "configmaps", "plain", true)]
    [InlineData("rbac.authorization.k8s.io", "roles", "plain", true)]
    [InlineData("", "events", "plain", false)]
    [InlineData("events.k8s.io", "events", "plain", true)]
    [InlineData("coordination.k8s.io", "leases", "plain", false)]
    [InlineData("node.k8s.io", "runtimeclasses", "plain", false)]
    [InlineData("apiregistration.k8s.io", "apiservices", "plain", false)]
    [InlineData("admissionregistration.k8s.io", "validatingwebhookconfigurations", "plain", false)]
    [InlineData("admissionregistration.k8s.io", "validatingadmissionpolicies", "plain", false)]
    [InlineData("admissionregistration.k8s.io", "mutatingadmissionpolicybindings", "plain", false)]
    public void A_finalizer_without_a_domain_is_for_some_kinds(string group, string plural, string finalizer, bool isRefused)
    {
        var strategy = BuiltInStrategies.All(ServiceNetwork.Default, () => throw new InvalidOperationException())[new GroupResource(group, plural)];
        var meta = new JsonObject { ["name"] = "a", ["namespace"] = "n", ["resourceVersion"] = "1", ["finalizers"] = new JsonArray((JsonNode)finalizer) };
        var (made, changed) = (new FieldErrors(), new FieldErrors());
        MetadataRules.Validate(meta, isNamespaced: true, strategy.NameRule, made, strategy.AllowsPlainFinalizers);
        MetadataRules.ValidateUpdate(meta, (JsonObject)meta.DeepClone(), isNamespaced: true, strategy.MetadataOnUpdate, strategy.NameRule, changed, strategy.AllowsPlainFinalizers);
        Assert.Equal((isRefused, isRefused), (made.Count > 0, changed.Count > 0));
    }
}
