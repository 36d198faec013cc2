using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>What is done next for a CustomResourceDefinition that is going: its objects go first. Pure. Behaviour of apiextensions' finalizer controller.</summary>
internal abstract record DefinitionEnd
{
    /// <summary>So long objects may take to go before it is told that they do not.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private DefinitionEnd() { }

    /// <summary>Others hold it.</summary>
    public sealed record Keep : DefinitionEnd;

    /// <summary>It is told that its objects go: that may take a while.</summary>
    public sealed record Tell(JsonObject Status) : DefinitionEnd;

    /// <summary>There are objects.</summary>
    /// <param name="Status">What is told if they are there still; null: that is told already.</param>
    /// <param name="Again">When there may be something else to tell.</param>
    public sealed record DeleteObjects(JsonObject? Status, TimeSpan? Again) : DefinitionEnd;

    /// <summary>None is left: the definition as it is to be written, without the finalizer.</summary>
    public sealed record LetGo(JsonObject Definition) : DefinitionEnd;

    /// <param name="objects">How many there are.</param>
    public static DefinitionEnd Decide(Definition definition, int objects, DateTimeOffset now)
    {
        if (!definition.HasFinalizer) return new Keep();
        var told = DefinitionNaming.Find(definition.Tree.Object("status"), "Terminating");
        if (told.Text("reason") is not ("InstanceDeletionInProgress" or "InstanceDeletionCheck"))
            return new Tell(Status(true, "InstanceDeletionInProgress", "CustomResource deletion is in progress"));
        if (definition.OverlapsBuiltIn) return Gone("OverlappingBuiltInResource", "instances overlap with built-in resources in storage");
        if (!definition.IsEstablished) return Gone("NeverEstablished", "resource was never established");
        if (objects == 0) return Gone("InstanceDeletionCompleted", "removed all instances");
        if (told.Text("reason") == "InstanceDeletionCheck") return new DeleteObjects(null, null);
        var left = (KubernetesTime.Read(told.Text("lastTransitionTime")) ?? now) + Patience - now;
        return left > TimeSpan.Zero ? new DeleteObjects(null, left) : new DeleteObjects(Status(true, "InstanceDeletionCheck", "could not confirm zero CustomResources remaining: context deadline exceeded"), null);

        JsonObject Status(bool isTrue, string reason, string message)
        {
            var status = (JsonObject?)definition.Tree.Object("status")?.DeepClone() ?? [];
            DefinitionNaming.SetCondition(status, "Terminating", isTrue, reason, message, now);
            return status;
        }

        LetGo Gone(string reason, string message)
        {
            var tree = (JsonObject)definition.Tree.DeepClone();
            tree["status"] = Status(false, reason, message);
            var metadata = tree.Child("metadata");
            var kept = metadata.Texts("finalizers").Where(f => f != Definition.Finalizer).ToList();
            if (kept.Count == 0) metadata.Remove("finalizers");
            else metadata["finalizers"] = new JsonArray([.. kept.Select(f => (JsonNode)f)]);
            return new LetGo(tree);
        }
    }
}
