using System.Text.Json.Nodes;
using Bramble.Client;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.ClusterRoleAggregation;

public sealed class AggregationTests
{
    private const string Get = """{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}""";
    private const string List = """{"apiGroups":[""],"resources":["pods"],"verbs":["list"]}""";
    private const string Own = """{"apiGroups":[""],"resources":["pods"],"verbs":["own"]}""";

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
