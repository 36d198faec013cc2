using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;

namespace Bramble.Controllers.Deployments;

/// <summary>Goes back to an earlier template where the annotation <c>deprecated.deployment.rollback.to</c> asks for it, as the old API's rollback did; 0 means the
/// revision before this one. kubectl's undo does not need it.</summary>
internal sealed class Rollback(ControllerContext context, JsonObject deployment, NamespacedName name)
{
    /// <summary>Null: nobody asks.</summary>
    public static long? Asked(JsonObject deployment) =>
        long.TryParse((string?)deployment["metadata"]!["annotations"]?[DeploymentAnnotations.RollbackTo], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var revision) ? revision : null;

    /// <summary>The second newest revision; 0: there is none.</summary>
    public static long LastRevision(IEnumerable<ReplicaSetView> sets) => sets.Select(s => s.Revision).OrderDescending().Skip(1).FirstOrDefault();

    /// <returns>What was written: the annotation is gone in any case.</returns>
    public async Task<KubeObject> RunAsync(IReadOnlyList<ReplicaSetView> sets, Func<ReplicaSetView, JsonObject> treeOf, CancellationToken cancel)
    {
        var about = DeploymentController.About(deployment, name);
        var revision = Asked(deployment)!.Value;
        if (revision == 0) revision = LastRevision(sets);
        var annotations = deployment["metadata"]!["annotations"]!.AsObject();
        annotations.Remove(DeploymentAnnotations.RollbackTo);
        if (revision == 0)
        {
            context.Events.Warning(about, "DeploymentRollbackRevisionNotFound", "Unable to find last revision.");
            return await WriteAsync(cancel);
        }
        if (sets.FirstOrDefault(s => s.Revision == revision) is not { } set)
        {
            context.Events.Warning(about, "DeploymentRollbackRevisionNotFound", "Unable to find the revision to rollback to.");
            return await WriteAsync(cancel);
        }
        var template = treeOf(set)["spec"]?["template"]?.DeepClone().AsObject() ?? [];
        if (TemplateHash.IsSameTemplate(template, deployment["spec"]!["template"]))
        {
            context.Events.Warning(about, "DeploymentRollbackTemplateUnchanged", $"The rollback revision contains the same template as current deployment \"{name.Name}\"");
            return await WriteAsync(cancel);
        }
        (template["metadata"]?["labels"] as JsonObject)?.Remove(TemplateHash.Label);
        deployment["spec"]!["template"] = template;
        // The set's annotations come back with its template: they say why that revision was made.
        foreach (var (key, _) in annotations.ToList())
            if (DeploymentAnnotations.IsCopied(key)) annotations.Remove(key);
        foreach (var (key, value) in set.Model.Metadata.Annotations ?? new Dictionary<string, string>())
            if (DeploymentAnnotations.IsCopied(key)) annotations[key] = value;
        var written = await WriteAsync(cancel);
        context.Events.Normal(about, "DeploymentRollback", $"Rolled back deployment \"{name.Name}\" to revision {revision.ToString(CultureInfo.InvariantCulture)}");
        return written;
    }

    private async Task<KubeObject> WriteAsync(CancellationToken cancel) => await context.Client.UpdateAsync(Resources.Deployments, deployment, null, cancel);
}
