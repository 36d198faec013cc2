using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.History;

/// <summary>The templates that a DaemonSet or StatefulSet has had, kept as ControllerRevisions so that <c>kubectl rollout undo</c> can go back.</summary>
internal sealed class Revisions(ControllerContext context, IInformer<V1ControllerRevision> revisions)
{
    public const string HashLabel = "controller-revision-hash";
    private const string Letters = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>All of the owner, oldest first; the last is the one of the current template, made or moved to the front when needed.</summary>
    public async Task<List<V1ControllerRevision>> SyncAsync(JsonObject owner, Owner ownerRef, Action<KubeObject> onWrite, CancellationToken cancel)
    {
        var template = owner["spec"]!["template"]!.DeepClone().AsObject();
        template["$patch"] = "replace";
        var data = new JsonObject { ["spec"] = new JsonObject { ["template"] = template } };
        var known = revisions.List(ownerRef.Name.Namespace).Where(r => r.IsControlledBy(ownerRef.Uid)).OrderBy(r => r.Revision).ThenBy(r => r.Metadata.CreationTimestamp).ToList();
        var next = known.Count == 0 ? 1 : known[^1].Revision + 1;
        var same = known.LastOrDefault(r => JsonNode.DeepEquals(revisions.FindObject(r.NamespacedName())?.ToTree()["data"], data));
        if (same is not null)
        {
            if (same.Metadata.Uid == known[^1].Metadata.Uid) return known;
            // A rollback: the old revision becomes the newest.
            var moved = await context.Client.MergePatchAsync(Resources.ControllerRevisions, same.NamespacedName(), new JsonObject { ["revision"] = next }, null, cancel);
            onWrite(moved);
            known.Remove(same);
            known.Add(moved.Model<V1ControllerRevision>());
            return known;
        }
        var collisions = (int?)owner["status"]?["collisionCount"] ?? 0;
        for (var attempt = 0; ; attempt++)
        {
            var hash = Hash(data, collisions + attempt);
            var labels = owner["spec"]!["template"]!["metadata"]?["labels"]?.DeepClone().AsObject() ?? [];
            labels[HashLabel] = hash;
            var body = new JsonObject
            {
                ["apiVersion"] = "apps/v1",
                ["kind"] = "ControllerRevision",
                ["metadata"] = new JsonObject
                {
                    ["name"] = $"{ownerRef.Name.Name}-{hash}",
                    ["namespace"] = ownerRef.Name.Namespace,
                    ["labels"] = labels,
                    ["annotations"] = owner["metadata"]!["annotations"]?.DeepClone(),
                    ["ownerReferences"] = new JsonArray((JsonNode)ownerRef.Reference()),
                },
                ["data"] = data.DeepClone(),
                ["revision"] = next,
            };
            try
            {
                var created = await context.Client.CreateAsync(Resources.ControllerRevisions, body, cancel);
                onWrite(created);
                known.Add(created.Model<V1ControllerRevision>());
                return known;
            }
            catch (StatusException e) when (e.IsAlreadyExists && attempt < 10)
            {
                // Another template has this hash: the next attempt hashes differently.
            }
        }
    }

    /// <summary>Removes revisions beyond the limit that no Pod has.</summary>
    public async Task CleanUpAsync(JsonObject owner, List<V1ControllerRevision> known, IReadOnlySet<string> inUse, CancellationToken cancel)
    {
        var limit = (int?)owner["spec"]!["revisionHistoryLimit"] ?? 10;
        var old = known.Take(known.Count - 1).Where(r => !inUse.Contains(HashOf(r)) && !inUse.Contains(r.Metadata.Name)).ToList();
        foreach (var revision in old.Take(Math.Max(0, old.Count - limit)))
            await context.Client.DeleteAsync(Resources.ControllerRevisions, revision.NamespacedName(), new DeleteQuery(Uid: revision.Metadata.Uid), cancel);
    }

    public static string HashOf(V1ControllerRevision revision) =>
        revision.Metadata.Labels is { } labels && labels.TryGetValue(HashLabel, out var hash) ? hash : revision.Metadata.Name;

    public static string? HashOf(V1Pod pod) => pod.Metadata.Labels is { } labels && labels.TryGetValue(HashLabel, out var hash) ? hash : null;

    /// <summary>The template that a revision keeps.</summary>
    public JsonObject TemplateOf(V1ControllerRevision revision, JsonObject current)
    {
        var template = revisions.FindObject(revision.NamespacedName())?.ToTree()["data"]?["spec"]?["template"]?.DeepClone().AsObject() ?? current["spec"]!["template"]!.DeepClone().AsObject();
        template.Remove("$patch");
        return template;
    }

    private static string Hash(JsonNode data, int collisions)
    {
        var hash = 2166136261u;     // FNV-1a, 32 bits
        foreach (var b in Encoding.UTF8.GetBytes(data.ToJsonString() + (collisions > 0 ? $"#{collisions}" : ""))) hash = (hash ^ b) * 16777619u;
        return string.Concat(hash.ToString(CultureInfo.InvariantCulture).Select(c => Letters[c % Letters.Length]));
    }
}
