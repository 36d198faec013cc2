using System.Text;
using System.Text.Json.Nodes;
using Bramble.ApiServer.CustomResources;
using Bramble.Client;

namespace Bramble.ApiServer.Tests;

/// <summary>Which names a definition gets, and what its conditions say.</summary>
public class DefinitionNamingTests
{
    private const string Own = """{"plural":"cs","singular":"c","kind":"C","listKind":"CList","shortNames":["a","b"],"categories":["all"]}""";

    /// <summary>The names another definition has, the names that are accepted, and the conditions.</summary>
    [Theory]
    [InlineData("""{"plural":"ds","singular":"d","kind":"D","listKind":"DList"}""", Own, "NamesAccepted=True NoConflicts: no conflicts found; Established=False Installing: the initial names have been accepted")]
    [InlineData("""{"plural":"ds","singular":"c","kind":"D","listKind":"DList"}""", """{"plural":"cs","kind":"C","listKind":"CList","shortNames":["a","b"],"categories":["all"]}""",
        "NamesAccepted=False SingularConflict: \"c\" is already in use; Established=False NotAccepted: not all names are accepted")]
    [InlineData("""{"plural":"ds","singular":"c","kind":"C","listKind":"CList","shortNames":["b","a"]}""", """{"plural":"cs","categories":["all"]}""",
        "NamesAccepted=False ListKindConflict: \"CList\" is already in use; Established=False NotAccepted: not all names are accepted")]
    [InlineData("""{"plural":"ds","singular":"d","kind":"D","listKind":"DList","shortNames":["b","a"]}""", """{"plural":"cs","singular":"c","kind":"C","listKind":"CList","categories":["all"]}""",
        "NamesAccepted=False ShortNamesConflict: [\"a\" is already in use, \"b\" is already in use]; Established=False NotAccepted: not all names are accepted")]
    public void Free_names_are_accepted(string taken, string accepted, string conditions)
    {
        var own = Read($$$"""{"metadata":{"name":"cs.e.com"},"spec":{"group":"e.com","names":{{{Own}}}}}""");
        var status = DefinitionNaming.Decide(own, [own, Read($$$"""{"metadata":{"name":"x.e.com"},"spec":{"group":"e.com"},"status":{"acceptedNames":{{{taken}}}}}""")], DateTimeOffset.UnixEpoch)!;
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(accepted), status["acceptedNames"]), status["acceptedNames"]!.ToJsonString());
        Assert.Equal(conditions, Conditions(status));
    }

    [Theory]
    [InlineData("NamesAccepted", "True", "Installing", "Established=True InitialNamesAccepted: the initial names have been accepted")]
    [InlineData("NamesAccepted", "False", "NotAccepted", "Established=False Installing: the initial names have been accepted")]
    public void It_is_established_when_its_names_are_accepted_already(string type, string isTrue, string reason, string expected)
    {
        var own = Read($$$"""
            {"metadata":{"name":"cs.e.com"},"spec":{"group":"e.com","names":{{{Own}}}},"status":{"acceptedNames":{{{Own}}},"conditions":[
             {"type":"{{{type}}}","status":"{{{isTrue}}}"},{"type":"Established","status":"False","reason":"{{{reason}}}"}]}}
            """);
        Assert.EndsWith(expected, Conditions(DefinitionNaming.Decide(own, [own], DateTimeOffset.UnixEpoch)!), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("InstanceDeletionInProgress", 59, null, 1)]
    [InlineData("InstanceDeletionInProgress", 60, "Terminating=True InstanceDeletionCheck: could not confirm zero CustomResources remaining: context deadline exceeded", null)]
    [InlineData("InstanceDeletionCheck", 90, null, null)]
    public void Objects_that_stay_for_a_minute_are_told(string reason, int seconds, string? condition, int? again)
    {
        var going = Read($$$"""{"metadata":{"name":"cs.e.com"},"status":{"conditions":[{"type":"Terminating","status":"True","reason":"{{{reason}}}","lastTransitionTime":"1970-01-01T00:00:00Z"}]}}""");
        var (status, wait) = DefinitionNaming.Remaining(going, DateTimeOffset.UnixEpoch.AddSeconds(seconds));
        Assert.Equal(condition, status is null ? null : Conditions(status));
        Assert.Equal(again, (int?)wait?.TotalSeconds);
    }

    [Theory]
    [InlineData("", "False MissingAnnotation: protected groups must have approval annotation \"api-approved.kubernetes.io\", see https://github.com/kubernetes/enhancements/pull/1111")]
    [InlineData("unapproved, experimental", "False UnapprovedAnnotation: not approved: \"unapproved, experimental\"")]
    [InlineData("https://github.com/kubernetes/x/pull/1", "True ApprovedAnnotation: approved in https://github.com/kubernetes/x/pull/1")]
    public void A_group_of_the_community_needs_approval(string annotation, string condition)
    {
        var own = Read($$$"""{"metadata":{"name":"cs.x.k8s.io","annotations":{"api-approved.kubernetes.io":"{{{annotation}}}"}},"spec":{"group":"x.k8s.io","names":{{{Own}}}}}""");
        Assert.StartsWith($"KubernetesAPIApprovalPolicyConformant={condition}; NamesAccepted=True", Conditions(DefinitionNaming.Decide(own, [own], DateTimeOffset.UnixEpoch)!), StringComparison.Ordinal);
    }

    private static string Conditions(JsonObject status) =>
        string.Join("; ", status["conditions"]!.AsArray().Select(c => $"{c!["type"]}={c["status"]} {c["reason"]}: {c["message"]}"));

    private static Definition Read(string json) => new(KubeObject.Parse(Encoding.UTF8.GetBytes(json)));
}
