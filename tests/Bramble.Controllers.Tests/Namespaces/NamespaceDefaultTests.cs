using System.Text;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Certificates;
using Bramble.Controllers.ServiceAccounts;
using k8s.Models;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.Namespaces;

/// <summary>What every namespace is given: an account and the CA.</summary>
public sealed class NamespaceDefaultTests
{
    private const string Described = """{"kubernetes.io/description":"mine"}""";

    /// <param name="ns">The namespace's phase; "gone"; "going": marked and not in that phase yet.</param>
    [Theory]
    [InlineData("Active", false, true)]
    [InlineData("Active", true, false)]
    [InlineData("", false, true)]
    [InlineData("Terminating", false, false)]
    [InlineData("going", false, false)]
    [InlineData("gone", false, false)]
    public void A_default_account(string ns, bool exists, bool isMade)
    {
        var account = exists ? Some.Model<V1ServiceAccount>("""{"metadata":{"name":"default","namespace":"n"}}""") : null;
        Assert.Equal(isMade ? """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"default","namespace":"n"}}""" : null, ServiceAccountController.Decide(Namespace(ns), account)?.ToJsonString());
    }

    /// <param name="map">Its annotations and data; null: there is none.</param>
    /// <param name="expected">"keep", "create" or "update".</param>
    [Theory]
    [InlineData("none yet", "Active", null, "CA", "create")]
    [InlineData("as it should be", "Active", Described + """|{"ca.crt":"CA"}""", "CA", "keep")]
    [InlineData("nobody has described it", "Active", """{}|{"ca.crt":"CA"}""", "CA", "update")]
    [InlineData("described by an empty word", "Active", """{"kubernetes.io/description":""}|{"ca.crt":"CA"}""", "CA", "update")]
    [InlineData("another CA", "Active", Described + """|{"ca.crt":"other"}""", "CA", "update")]
    [InlineData("more than the CA", "Active", Described + """|{"ca.crt":"CA","x":"y"}""", "CA", "update")]
    [InlineData("empty", "Active", Described + "|{}", "CA", "update")]
    [InlineData("a cluster that publishes none", "Active", null, "", "keep")]
    [InlineData("a namespace that is going", "Terminating", null, "CA", "keep")]
    [InlineData("one that has just been told to", "going", Described + "|{}", "CA", "keep")]
    [InlineData("one that is gone", "gone", null, "CA", "keep")]
    public void The_CA(string because, string ns, string? map, string pem, string expected)
    {
        Assert.NotEmpty(because);
        var parts = map?.Split('|');
        var known = parts is null ? null : KubeObject.Parse(Encoding.UTF8.GetBytes($$$"""{"metadata":{"name":"kube-root-ca.crt","namespace":"n","annotations":{{{parts[0]}}},"labels":{"l":"v"} },"data":{{{parts[1]}}} }"""));
        var decided = RootCa.Decide(Namespace(ns), known, pem);
        Assert.Equal(expected, decided switch { RootCa.Keep => "keep", RootCa.Create => "create", RootCa.Update => "update", _ => "?" });
        var written = decided switch { RootCa.Create(var created) => created, RootCa.Update(var updated) => updated, _ => null };
        if (written is null) return;
        Assert.Equal("""{"ca.crt":"CA"}""", written["data"]!.ToJsonString());
        Assert.StartsWith("Contains a CA bundle", (string?)written["metadata"]!["annotations"]!["kubernetes.io/description"]);
        Assert.Equal("kube-root-ca.crt", (string?)written["metadata"]!["name"]);
        Assert.Equal(known is null ? null : "v", (string?)written["metadata"]!["labels"]?["l"]);
    }

    [Fact]
    public async Task An_account_and_a_CA_that_somebody_removes_or_changes_come_back()
    {
        await using var accounts = Start("service-account-controller");
        await accounts.CreateAsync(Resources.Namespaces, """{"metadata":{"name":"n"},"status":{"phase":"Active"}}""");
        await EventuallyAsync(async () => await accounts.FindAsync(Resources.ServiceAccounts, "default", "n") is not null);
        await accounts.Api.DeleteAsync(Resources.ServiceAccounts, new("n", "default"), new DeleteQuery(), default);
        await EventuallyAsync(async () => await accounts.FindAsync(Resources.ServiceAccounts, "default", "n") is not null);

        await using var publisher = Start("root-ca-cert-publisher");
        await publisher.CreateAsync(Resources.Namespaces, """{"metadata":{"name":"n"},"status":{"phase":"Active"}}""");
        await EventuallyAsync(async () => await publisher.FindAsync(Resources.ConfigMaps, RootCa.Name, "n") is not null);
        await publisher.Api.ChangeAsync(Resources.ConfigMaps, new("n", RootCa.Name), m => m["data"] = new JsonObject { ["ca.crt"] = "forged" });
        await EventuallyAsync(async () => (string?)(await publisher.FindAsync(Resources.ConfigMaps, RootCa.Name, "n"))!["data"]!["ca.crt"] == "CA");
        await publisher.Api.DeleteAsync(Resources.ConfigMaps, new("n", RootCa.Name), new DeleteQuery(), default);
        await EventuallyAsync(async () => await publisher.FindAsync(Resources.ConfigMaps, RootCa.Name, "n") is not null);
    }

    private static V1Namespace? Namespace(string state) => state switch
    {
        "gone" => null,
        "going" => Some.Model<V1Namespace>("""{"metadata":{"name":"n","deletionTimestamp":"2024-01-01T12:00:00Z"},"status":{"phase":"Active"}}"""),
        _ => Some.Model<V1Namespace>($$$"""{"metadata":{"name":"n"},"status":{"phase":"{{{state}}}"} }"""),
    };
}
