using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.ClusterRoleAggregation;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.ClusterRoleAggregation;

public sealed class AggregationTests
{
    private const string Get = """{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}""";
    private const string List = """{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}""";
    private const string Own = """{"apiGroups":[""],"resources":["pods"],"verbs":["own"]}""";

    /// <param name="selectors">Of the role "sum", by the values of the label "to".</param>
    /// <param name="others">The others: name, label, rules.</param>
    [Theory]
    [InlineData("what no selector names is not its", "a", "x b get", "")]
    [InlineData("each rule once, by the roles' names", "a", "z a get,list|y a list", "list get")]
    [InlineData("selectors in their order", "b a", "y a list|z b get", "get list")]
    [InlineData("one that is selected twice", "a a", "y a list,get", "list get")]
    [InlineData("itself is no part of itself", "a", "sum a own|y a get", "get")]
    [InlineData("without selectors", "", "y a get", "")]
    public void The_rules_of_others(string because, string selectors, string others, string expected)
    {
        Assert.NotEmpty(because);
        var aggregation = new JsonObject
        {
            ["clusterRoleSelectors"] = new JsonArray([.. selectors.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(to => (JsonNode)new JsonObject { ["matchLabels"] = new JsonObject { ["to"] = to } })]),
        };
        var roles = others.Split('|').Select(o => o.Split(' ')).ToDictionary(o => o[0], o => (To: o[1], Verbs: o[2].Split(',')));
        var rules = AggregatedRules.Of("sum", aggregation, roles.Select(r => new V1ClusterRole { Metadata = new V1ObjectMeta { Name = r.Key, Labels = new Dictionary<string, string> { ["to"] = r.Value.To } } }),
            role => new JsonArray([.. roles[role.Metadata.Name].Verbs.Select(verb => (JsonNode)new JsonObject { ["verbs"] = new JsonArray(verb) })]));
        Assert.Equal(expected, string.Join(' ', rules.Select(r => (string)r!["verbs"]![0]!)));
    }

    [Fact]
    public async Task A_role_has_the_rules_of_those_it_selects_each_once_and_its_own_only_where_there_is_none()
    {
        await using var scenario = Start("clusterrole-aggregation-controller");
        await scenario.CreateAsync(Resources.ClusterRoles, Role("b", "to: all", $"[{List},{Get}]"));
        await scenario.CreateAsync(Resources.ClusterRoles, Role("a", "to: all", $"[{Get}]"));
        await scenario.CreateAsync(Resources.ClusterRoles, Role("c", "to: nobody", $"[{Own}]"));
        await scenario.CreateAsync(Resources.ClusterRoles, Role("empty", "", $"[{Own}]", "nothing"));
        await scenario.CreateAsync(Resources.ClusterRoles, Role("sum", "to: all", $"[{Own}]", "all"));
        await EventuallyAsync(async () => await RulesAsync("sum") == $"[{Get},{List}]");
        Assert.Equal($"[{Own}]", await RulesAsync("empty"));

        async Task<string> RulesAsync(string name) => (await scenario.FindAsync(Resources.ClusterRoles, name))!["rules"]!.ToJsonString();
    }

    private static string Role(string name, string label, string rules, string? selects = null)
    {
        var role = new JsonObject { ["metadata"] = new JsonObject { ["name"] = name, ["labels"] = new JsonObject() }, ["rules"] = JsonNode.Parse(rules) };
        if (label.Length > 0) role["metadata"]!["labels"]!["to"] = label["to: ".Length..];
        if (selects is not null) role["aggregationRule"] = new JsonObject { ["clusterRoleSelectors"] = new JsonArray(new JsonObject { ["matchLabels"] = new JsonObject { ["to"] = selects } }) };
        return role.ToJsonString();
    }
}
