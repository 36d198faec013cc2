using System.Text.Json.Nodes;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;

namespace Bramble.ApiServer.Tests.Authorization;

public sealed class RbacTests
{
    public static TheoryData<string, string, string, string, string, bool> Rules => new()
    {
        { """{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}""", "get", "pods", "", "a", true },
        { """{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}""", "get", "pods", "log", "a", false },
        { """{"verbs":["get"],"apiGroups":[""],"resources":["pods/log"]}""", "get", "pods", "log", "a", true },
        { """{"verbs":["get"],"apiGroups":[""],"resources":["pods/*"]}""", "get", "pods", "log", "a", false },
        { """{"verbs":["get"],"apiGroups":[""],"resources":["*/log"]}""", "get", "pods", "log", "a", true },
        { """{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}""", "patch", "pods", "status", "a", true },
        { """{"verbs":["get"],"apiGroups":["apps"],"resources":["pods"]}""", "get", "pods", "", "a", false },
        { """{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}""", "get", "pods", "", "a", true },
        { """{"verbs":["list"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}""", "list", "pods", "", "", false },
    };

    [Theory, MemberData(nameof(Rules))]
    public void A_rule_allows_what_it_names(string rule, string verb, string resource, string subresource, string name, bool allows) =>
        Assert.Equal(allows, Read(rule)[0].Allows(new AccessAttributes(new UserInfo("u", []), verb, "", "v1", resource, subresource, "n", name, true, "")));

    [Theory]
    [InlineData("/par/*", "/par/x", true)]
    [InlineData("/par/*", "/par", false)]
    [InlineData("*", "/anything", true)]
    [InlineData("/metrics", "/metrics/x", false)]
    public void A_path_is_exact_or_ends_in_a_star(string url, string path, bool allows) =>
        Assert.Equal(allows, Read($$"""{"verbs":["get"],"nonResourceURLs":["{{url}}"]}""")[0].Allows(new AccessAttributes(new UserInfo("u", []), "get", "", "", "", "", "", "", false, path)));

    [Fact]
    public void What_is_missing_is_shown_joined_by_verb()
    {
        var held = Read("""{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}""");
        var wanted = Read("""{"verbs":["get","list","watch"],"apiGroups":[""],"resources":["pods"]}""");
        Assert.Equal(["""{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}"""], PolicyRule.Compact(PolicyRule.Missing(held, wanted)).Select(r => r.ToString()));
    }

    [Fact]
    public void The_answer_follows_a_change_and_says_by_which_binding()
    {
        var reader = new FixedReader().With("rbac.authorization.k8s.io", "roles", """{"metadata":{"namespace":"n","name":"r"},"rules":[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]}""");
        var rbac = new RbacAuthorizer(reader);
        var question = new AccessAttributes(UserInfo.ServiceAccount("n", "s"), "get", "", "v1", "pods", "", "n", "a", true, "");
        Assert.Equal(AccessDecision.NoOpinion, rbac.Authorize(question).Decision);
        reader.With("rbac.authorization.k8s.io", "rolebindings", """{"metadata":{"namespace":"n","name":"b"},"roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"ServiceAccount","name":"s"}]}""");
        Assert.Equal(new AccessAnswer(AccessDecision.Allow, "RBAC: allowed by RoleBinding \"b/n\" of Role \"r\" to ServiceAccount \"s/n\""), rbac.Authorize(question));
        Assert.Equal(AccessDecision.NoOpinion, rbac.Authorize(question with { Namespace = "other" }).Decision);
    }

    [Fact]
    public void A_missing_role_is_the_reason()
    {
        var reader = new FixedReader().With("rbac.authorization.k8s.io", "clusterrolebindings", """{"metadata":{"name":"b"},"roleRef":{"kind":"ClusterRole","name":"gone"},"subjects":[{"kind":"Group","name":"g"}]}""");
        var answer = new RbacAuthorizer(reader).Authorize(new AccessAttributes(new UserInfo("u", ["g"]), "get", "", "v1", "pods", "", "n", "a", true, ""));
        Assert.Equal("RBAC: clusterrole.rbac.authorization.k8s.io \"gone\" not found", answer.Reason);
    }

    [Fact]
    public void A_node_reads_the_secrets_of_its_own_pods_only()
    {
        var reader = new FixedReader()
            .With("", "pods", """{"metadata":{"namespace":"n","name":"mine"},"spec":{"nodeName":"a","volumes":[{"name":"v","secret":{"secretName":"s"}}]}}""")
            .With("", "pods", """{"metadata":{"namespace":"n","name":"mirror","annotations":{"kubernetes.io/config.mirror":"x"}},"spec":{"nodeName":"a","volumes":[{"name":"v","secret":{"secretName":"t"}}]}}""");
        var authorizer = new NodeAuthorizer(reader, []);
        AccessDecision Ask(string node, string secret) =>
            authorizer.Authorize(new AccessAttributes(new UserInfo($"system:node:{node}", ["system:nodes"]), "get", "", "v1", "secrets", "", "n", secret, true, "")).Decision;
        Assert.Equal(AccessDecision.Allow, Ask("a", "s"));
        Assert.Equal(AccessDecision.NoOpinion, Ask("b", "s"));
        Assert.Equal(AccessDecision.NoOpinion, Ask("a", "t"));
    }

    private static IReadOnlyList<PolicyRule> Read(string rule) => PolicyRule.ReadAll(JsonNode.Parse($"[{rule}]"));
}
