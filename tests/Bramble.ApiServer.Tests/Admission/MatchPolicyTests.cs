using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Admission;

/// <summary>Policies that name another version or group of what is written.</summary>
public class MatchPolicyTests
{
    private static readonly CancellationToken Cancel = TestContext.Current.CancellationToken;

    private static readonly ResourceId V1 = new("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", true);
    private static readonly ResourceId V2 = V1 with { Version = "v2" };

    private const string AutoscalerV1 = """{"metadata":{"name":"h"},"spec":{"maxReplicas":3,"targetCPUUtilizationPercentage":50,"scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"}}}""";
    private const string AutoscalerV2 = """{"metadata":{"name":"h"},"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"}}}""";

    /// <summary>The version written, the rule's group, version and resource, the match policy, the expression that holds for what the policy is shown; whether it is asked at all.</summary>
    public static TheoryData<string, string, string, string, bool> Writes => new()
    {
        { "v2", "v1", "Equivalent", "object.apiVersion == 'autoscaling/v1' && object.spec.targetCPUUtilizationPercentage == 80 && request.kind.version == 'v1' && request.requestKind.version == 'v2' && request.resource.version == 'v1' && request.requestResource.version == 'v2'", true },
        { "v1", "v2", "Equivalent", "object.spec.metrics[0].resource.target.averageUtilization == 50 && request.requestKind.version == 'v1'", true },
        { "v1", "v1", "Exact", "object.spec.targetCPUUtilizationPercentage == 50 && request.kind == request.requestKind", true },
        { "v2", "v1", "Exact", "false", false },
    };

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task A_policy_sees_the_version_it_names(string written, string named, string matchPolicy, string holds, bool isAsked)
    {
        await using var api = await InMemoryApi.StartAsync();
        await CreateAsync(api, new("", "v1", "namespaces", "Namespace", false), "", """{"metadata":{"name":"n"}}""");
        await CreateAsync(api, Policies("validatingadmissionpolicies", "ValidatingAdmissionPolicy"), "", $$"""
            {"metadata":{"name":"p"},"spec":{"matchConstraints":{"matchPolicy":"{{matchPolicy}}","resourceRules":[{"operations":["*"],"apiGroups":["autoscaling"],"apiVersions":["{{named}}"],"resources":["horizontalpodautoscalers"]}]},
             "validations":[{"expression":"!({{holds}})","message":"seen"}] } }
            """);
        await CreateAsync(api, Policies("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"), "", """{"metadata":{"name":"b"},"spec":{"policyName":"p","validationActions":["Deny"]}}""");
        var (resource, body) = written == "v1" ? (V1, AutoscalerV1) : (V2, AutoscalerV2);
        if (isAsked)
            Assert.EndsWith("denied request: seen", (await Assert.ThrowsAsync<StatusException>(() => CreateAsync(api, resource, "n", body))).Message, StringComparison.Ordinal);
        else
            await CreateAsync(api, resource, "n", body);
    }

    [Fact]
    public async Task A_mutation_in_another_version_is_taken_back()
    {
        await using var api = await InMemoryApi.StartAsync();
        await CreateAsync(api, new("", "v1", "namespaces", "Namespace", false), "", """{"metadata":{"name":"n"}}""");
        await CreateAsync(api, Policies("mutatingadmissionpolicies", "MutatingAdmissionPolicy"), "", """
            {"metadata":{"name":"p"},"spec":{"reinvocationPolicy":"Never","matchConstraints":{"resourceRules":[{"operations":["*"],"apiGroups":["autoscaling"],"apiVersions":["v1"],"resources":["horizontalpodautoscalers"]}]},
             "mutations":[{"patchType":"ApplyConfiguration","applyConfiguration":{"expression":"Object{spec: Object.spec{targetCPUUtilizationPercentage: 33}}"}}]}}
            """);
        await CreateAsync(api, Policies("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding"), "", """{"metadata":{"name":"b"},"spec":{"policyName":"p"}}""");
        var made = await CreateAsync(api, V2, "n", AutoscalerV2);
        Assert.Equal(33, (int?)made["spec"]!["metrics"]![0]!["resource"]!["target"]!["averageUtilization"]);
    }

    private static ResourceId Policies(string plural, string kind) => new("admissionregistration.k8s.io", "v1", plural, kind, false);

    private static async Task<JsonObject> CreateAsync(InMemoryApi api, ResourceId resource, string ns, string json)
    {
        var body = JsonNode.Parse(json)!.AsObject();
        return JsonNode.Parse((await api.Client.CreateAsync(resource, new(ns, (string)body["metadata"]!["name"]!), body, null, Cancel)).Json.Span)!.AsObject();
    }
}
