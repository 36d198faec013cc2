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

    [Fact]
    public void What_is_built_in_is_taken()
    {
        var own = Read("""{"metadata":{"name":"ingresses.networking.k8s.io"},"spec":{"group":"networking.k8s.io","names":{"plural":"ingresses","kind":"Other"}}}""");
        Assert.Contains("NamesAccepted=False PluralConflict: \"ingresses\" is already in use; Established=False NotAccepted", Conditions(DefinitionNaming.Decide(own, [own], DateTimeOffset.UnixEpoch)!), StringComparison.Ordinal);
    }

    /// <param name="name">The definition's.</param>
    /// <param name="told">The reason of its condition Terminating, and for how many seconds it says so.</param>
    /// <param name="expected">What is done; then the condition as it is then.</param>
    [Theory]
    [InlineData("others hold it", "cs.e.com", "", true, "", 3, "keep")]
    [InlineData("first it is told", "cs.e.com", Definition.Finalizer, true, "", 3, "tell Terminating=True InstanceDeletionInProgress: CustomResource deletion is in progress")]
    [InlineData("told, even with nothing to delete", "cs.e.com", Definition.Finalizer, false, "", 0, "tell Terminating=True InstanceDeletionInProgress: CustomResource deletion is in progress")]
    [InlineData("its objects go", "cs.e.com", Definition.Finalizer, true, "InstanceDeletionInProgress 0", 3, "delete, again in 60")]
    [InlineData("they may take a minute", "cs.e.com", Definition.Finalizer, true, "InstanceDeletionInProgress 59", 3, "delete, again in 1")]
    [InlineData("they do not go", "cs.e.com", Definition.Finalizer, true, "InstanceDeletionInProgress 60", 3,
        "delete Terminating=True InstanceDeletionCheck: could not confirm zero CustomResources remaining: context deadline exceeded")]
    [InlineData("that is told once", "cs.e.com", Definition.Finalizer, true, "InstanceDeletionCheck 90", 3, "delete")]
    [InlineData("none is left", "cs.e.com", Definition.Finalizer, true, "InstanceDeletionInProgress 5", 0, "gone null Terminating=False InstanceDeletionCompleted: removed all instances")]
    [InlineData("none is left after all", "cs.e.com", Definition.Finalizer, true, "InstanceDeletionCheck 90", 0, "gone null Terminating=False InstanceDeletionCompleted: removed all instances")]
    [InlineData("others' finalizers stay", "cs.e.com", Definition.Finalizer + " x", true, "InstanceDeletionInProgress 5", 0, "gone [\"x\"] Terminating=False InstanceDeletionCompleted: removed all instances")]
    [InlineData("never served", "cs.e.com", Definition.Finalizer, false, "InstanceDeletionInProgress 5", 3, "gone null Terminating=False NeverEstablished: resource was never established")]
    [InlineData("those of a built-in resource are not its own", "ingresses.networking.k8s.io", Definition.Finalizer, true, "InstanceDeletionInProgress 5", 3,
        "gone null Terminating=False OverlappingBuiltInResource: instances overlap with built-in resources in storage")]
    public void The_end_of_a_definition(string because, string name, string finalizers, bool isEstablished, string told, int objects, string expected)
    {
        Assert.NotEmpty(because);
        var (parts, reason) = (name.Split('.', 2), told.Split(' '));
        var going = Read($$$"""
            {"metadata":{"name":"{{{name}}}","deletionTimestamp":"1970-01-01T00:00:00Z","finalizers":[{{{string.Join(',', finalizers.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(f => $"\"{f}\""))}}}]},
             "spec":{"group":"{{{parts[1]}}}","names":{"plural":"{{{parts[0]}}}"} },"status":{"conditions":[
              {{{(told.Length > 0 ? $$"""{"type":"Terminating","status":"True","reason":"{{reason[0]}}","lastTransitionTime":"1970-01-01T00:00:00Z"},""" : "")}}}{"type":"Established","status":"{{{isEstablished}}}"}]} }
            """);
        Assert.Equal(expected, DefinitionEnd.Decide(going, objects, DateTimeOffset.UnixEpoch.AddSeconds(told.Length > 0 ? int.Parse(reason[1]) : 0)) switch
        {
            DefinitionEnd.Keep => "keep",
            DefinitionEnd.Tell(var status) => "tell " + Terminating(status),
            DefinitionEnd.DeleteObjects(var status, var again) => "delete" + (status is null ? "" : " " + Terminating(status)) + (again is { } wait ? $", again in {wait.TotalSeconds}" : ""),
            DefinitionEnd.LetGo(var tree) => $"gone {tree["metadata"]!["finalizers"]?.ToJsonString() ?? "null"} {Terminating(tree["status"]!.AsObject())}",
            _ => "?",
        });

        static string Terminating(JsonObject status) => Conditions(status).Split("; ").Single(c => c.StartsWith("Terminating", StringComparison.Ordinal));
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
