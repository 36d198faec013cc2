using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Authentication;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Authorization;

/// <summary>Fields whose writer needs rights beyond those of the write.</summary>
public class FieldRightsTests
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;

    private static readonly UserInfo Jane = new("jane", ["system:authenticated"]);
    private static readonly ResourceId Claims = new("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim", true);
    private static readonly ResourceId Policies = new("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false);
    private static readonly ResourceId Bindings = new("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", false);

    private const string Status = """{"status":{"allocation":{"devices":{"results":[{"request":"r","driver":"d.io","pool":"p","device":"x"}]}},"devices":[{"driver":"d.io","pool":"p","device":"x"}]}}""";

    private static async Task<InMemoryApi> StartAsync(string rules)
    {
        var api = await InMemoryApi.StartAsync();
        await CreateAsync(api.Client, new("", "v1", "namespaces", "Namespace", false), "", """{"metadata":{"name":"n"}}""");
        await CreateAsync(api.Client, new("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false), "", $$"""{"metadata":{"name":"r"},"rules":{{rules}}}""");
        await CreateAsync(api.Client, new("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false), "",
            """{"metadata":{"name":"b"},"roleRef":{"kind":"ClusterRole","name":"r","apiGroup":"rbac.authorization.k8s.io"},"subjects":[{"kind":"User","name":"jane","apiGroup":"rbac.authorization.k8s.io"}]}""");
        return api;
    }

    private static string Rule(string group, string resources, string verbs) => $$"""{"apiGroups":["{{group}}"],"resources":[{{resources}}],"verbs":[{{verbs}}]}""";

    /// <summary>What Jane may beyond writing the status; what she is told.</summary>
    public static TheoryData<string, string[]> ClaimWrites => new()
    {
        { "", [
            "status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource=\"resourceclaims/binding\", verb=\"patch\" permission: resourceclaims.resource.k8s.io is forbidden: User \"jane\" cannot patch resource \"resourceclaims/binding\" in API group \"resource.k8s.io\" at the cluster scope",
            "status.devices: Forbidden: changing status.devices requires resource=\"resourceclaims/driver\", verb=\"[arbitrary-node:patch]\" permission: resourceclaims.resource.k8s.io \"d.io\" is forbidden: User \"jane\" cannot arbitrary-node:patch resource \"resourceclaims/driver\" in API group \"resource.k8s.io\" in the namespace \"n\""] },
        { Rule("resource.k8s.io", "\"resourceclaims/binding\"", "\"patch\"") + "," + Rule("resource.k8s.io", "\"resourceclaims/driver\"", "\"arbitrary-node:patch\""), [] },
    };

    [Theory]
    [MemberData(nameof(ClaimWrites))]
    public async Task A_claims_status_is_written_by_those_who_bind_and_those_who_drive(string more, string[] told)
    {
        await using var api = await StartAsync($"[{Rule("resource.k8s.io", "\"resourceclaims/status\"", "\"patch\"")}{(more.Length > 0 ? "," : "")}{more}]");
        await CreateAsync(api.Client, Claims, "n", """{"metadata":{"name":"c"},"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"k"}}]}}}""");
        var jane = api.Client.As(Jane);
        try
        {
            await jane.PatchAsync(Claims, new("n", "c"), new Patch(PatchType.Merge, JsonNode.Parse(Status)!), "status", Cancel);
            Assert.Empty(told);
        }
        catch (StatusException e)
        {
            Assert.Equal(told, e.Status.Details!.Causes!.Select(cause => $"{cause.Field}: {cause.Message}"));
        }
    }

    [Fact]
    public async Task Who_writes_a_policy_reads_its_parameters()
    {
        await using var api = await StartAsync($"[{Rule("admissionregistration.k8s.io", "\"*\"", "\"*\"")}]");
        var jane = api.Client.As(Jane);
        const string policy = """{"metadata":{"name":"p"},"spec":{"paramKind":{"apiVersion":"v1","kind":"ConfigMap"},"validations":[{"expression":"true"}],"matchConstraints":{"resourceRules":[{"operations":["*"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"]}]}}}""";
        const string binding = """{"metadata":{"name":"b"},"spec":{"policyName":"p","validationActions":["Deny"],"paramRef":{"name":"x","namespace":"n","parameterNotFoundAction":"Deny"}}}""";
        Assert.EndsWith(
            "spec.paramKind: Forbidden: user &{jane  [system:authenticated] map[]} must have \"get\" permission on all objects of the referenced paramKind (kind=ConfigMap, apiVersion=v1)",
            (await Assert.ThrowsAsync<StatusException>(() => CreateAsync(jane, Policies, "", policy))).Message, StringComparison.Ordinal);
        Assert.EndsWith(
            "spec.paramRef: Forbidden: unable to get policy p to determine minimum required permissions and user &{jane  [system:authenticated] map[]} does not have \"get\" permission for all groups, versions and resources",
            (await Assert.ThrowsAsync<StatusException>(() => CreateAsync(jane, Bindings, "", binding))).Message, StringComparison.Ordinal);
        await CreateAsync(api.Client, Policies, "", policy);
        Assert.EndsWith(
            "spec.paramRef: Forbidden: user &{jane  [system:authenticated] map[]} does not have \"get\" permission on the object referenced by paramRef",
            (await Assert.ThrowsAsync<StatusException>(() => CreateAsync(jane, Bindings, "", binding))).Message, StringComparison.Ordinal);
        await CreateAsync(api.Client, Bindings, "", binding);
    }

    private static async Task CreateAsync(IKubeClient client, ResourceId resource, string ns, string json)
    {
        var body = JsonNode.Parse(json)!.AsObject();
        await client.CreateAsync(resource, new(ns, (string)body["metadata"]!["name"]!), body, null, Cancel);
    }
}
