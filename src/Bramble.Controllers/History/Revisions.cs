using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.History;

/// <summary>The revisions of an owner, oldest first; the last is the one of its template now.</summary>
/// <param name="Collisions">How often a name was taken by another template.</param>
internal sealed record RevisionHistory(List<V1ControllerRevision> All, int Collisions)
{
    public V1ControllerRevision Update => All[^1];
}

/// <summary>The templates that a DaemonSet or StatefulSet has had, kept as ControllerRevisions so that <c>kubectl rollout undo</c> can go back.</summary>
/// <param name="hashLabel">The label of a revision that has its hash: each of the two kinds has its own.</param>
internal sealed class Revisions(ControllerContext context, IInformer<V1ControllerRevision> revisions, string hashLabel)
{
    /// <summary>Of DaemonSets' revisions, and of the Pods of both.</summary>
    public const string PodLabel = "controller-revision-hash";
    public const string StatefulLabel = "controller.kubernetes.io/hash";
    private const string Letters = "bcdfghjklmnpqrstvwxz2456789";
    private const int AttemptsMax = 10;
    private const int NameMax = 223;     // room for the hash

    /// <summary>Adopts orphans, then makes the template's revision, or moves it to the front when it is an older one (a rollback).</summary>
    public async Task<RevisionHistory> SyncAsync(JsonObject owner, Owner ownerRef, Action<KubeObject> onWrite, CancellationToken cancel)
    {
        var data = DataOf(owner);
        var selector = LabelSelector.FromObject(owner["spec"]!["selector"] as JsonObject);
        var isBeingDeleted = owner["metadata"]!["deletionTimestamp"] is not null;
        var candidates = revisions.List(ownerRef.Name.Namespace);
        // A StatefulSet leaves those that match no longer alone, a DaemonSet releases them.
        if (hashLabel == StatefulLabel) candidates = [.. candidates.Where(r => selector.Matches(r.Metadata.Labels))];
        var known = await Claiming.ClaimAsync(
            context.Client, ownerRef, isBeingDeleted, Resources.ControllerRevisions, candidates,
            r => selector.Matches(r.Metadata.Labels), onWrite, cancel);
        known = [.. known.OrderBy(r => r.Revision).ThenBy(r => r.Metadata.CreationTimestamp).ThenBy(r => r.Metadata.Name, StringComparer.Ordinal)];
        var collisions = (int?)owner["status"]?["collisionCount"] ?? 0;
        var next = known.Count == 0 ? 1 : (known[^1].Revision ?? 0) + 1;
        // The newest may be of another distribution (a restored backup), which wrote nulls where we write nothing: no reason to replace all Pods.
        var same = known.LastOrDefault(r => JsonNode.DeepEquals(DataOf(r), data)) ?? (known.Count > 0 && JsonNode.DeepEquals(WithoutNulls(DataOf(known[^1])), data) ? known[^1] : null);
        if (same is not null)
        {
            if (same.Metadata.Uid == known[^1].Metadata.Uid) return new RevisionHistory(known, collisions);
            var moved = await context.Client.MergePatchAsync(Resources.ControllerRevisions, same.NamespacedName(), new JsonObject { ["revision"] = next }, null, cancel);
            onWrite(moved);
            known.Remove(same);
            known.Add(moved.Model<V1ControllerRevision>());
            return new RevisionHistory(known, collisions);
        }
        for (var attempt = 0; ; attempt++)
        {
            var body = New(owner, ownerRef, data, next, collisions);
            try
            {
                var created = await context.Client.CreateAsync(Resources.ControllerRevisions, body, cancel);
                onWrite(created);
                known.Add(created.Model<V1ControllerRevision>());
                return new RevisionHistory(known, collisions);
            }
            catch (StatusException e) when (e.IsAlreadyExists && attempt < AttemptsMax)
            {
                var taken = await context.Client.FindAsync(Resources.ControllerRevisions, new NamespacedName(ownerRef.Name.Namespace, (string)body["metadata"]!["name"]!), cancel);
                if (taken is not null && JsonNode.DeepEquals(taken.ToTree()["data"], data))
                {
                    // Ours already: the copy has not seen it yet.
                    onWrite(taken);
                    known.Add(taken.Model<V1ControllerRevision>());
                    return new RevisionHistory(known, collisions);
                }
                collisions++;
            }
        }
    }

    /// <summary>Removes the oldest revisions beyond <c>spec.revisionHistoryLimit</c>.</summary>
    /// <param name="old">Those that count towards the limit, oldest first.</param>
    /// <param name="mayGo">Not what a Pod still has.</param>
    public async Task CleanUpAsync(JsonObject owner, IReadOnlyList<V1ControllerRevision> old, Func<V1ControllerRevision, bool> mayGo, CancellationToken cancel)
    {
        if ((int?)owner["spec"]!["revisionHistoryLimit"] is < 0) return;
        var surplus = old.Count - ((int?)owner["spec"]!["revisionHistoryLimit"] ?? 10);
        foreach (var revision in old.Where(mayGo).Take(Math.Max(0, surplus)))
            await context.Client.DeleteAsync(Resources.ControllerRevisions, revision.NamespacedName(), new DeleteQuery(Uid: revision.Metadata.Uid), cancel);
    }

    public string HashOf(V1ControllerRevision revision) => revision.Metadata.Labels is { } labels && labels.TryGetValue(hashLabel, out var hash) ? hash : revision.Metadata.Name;

    public static string? HashOf(V1Pod pod) => pod.Metadata.Labels is { } labels && labels.TryGetValue(PodLabel, out var hash) ? hash : null;

    /// <summary>The template that a revision keeps.</summary>
    public JsonObject TemplateOf(V1ControllerRevision revision, JsonObject current)
    {
        var template = revisions.FindObject(revision.NamespacedName())?.ToTree()["data"]?["spec"]?["template"]?.DeepClone().AsObject() ?? current["spec"]!["template"]!.DeepClone().AsObject();
        template.Remove("$patch");
        return template;
    }

    private JsonNode? DataOf(V1ControllerRevision revision) => revisions.FindObject(revision.NamespacedName())?.ToTree()["data"];

    internal static JsonNode? WithoutNulls(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject fields:
                var kept = new JsonObject();
                foreach (var (name, value) in fields)
                    if (value is not null) kept[name] = WithoutNulls(value);
                return kept;
            case JsonArray items:
                var all = new JsonArray();
                foreach (var item in items) all.Add(WithoutNulls(item));
                return all;
            default:
                return node?.DeepClone();
        }
    }

    /// <summary>As Go writes a map: by name. Suites and upstream's own controllers compare the bytes.</summary>
    internal static JsonNode? ByName(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject fields:
                var ordered = new JsonObject();
                foreach (var (name, value) in fields.OrderBy(f => f.Key, StringComparer.Ordinal)) ordered[name] = ByName(value);
                return ordered;
            case JsonArray items:
                var all = new JsonArray();
                foreach (var item in items) all.Add(ByName(item));
                return all;
            default:
                return node?.DeepClone();
        }
    }

    private static JsonObject DataOf(JsonObject owner)
    {
        var template = owner["spec"]!["template"]!.DeepClone().AsObject();
        template["$patch"] = "replace";
        return new JsonObject { ["spec"] = new JsonObject { ["template"] = template } };
    }

    private JsonObject New(JsonObject owner, Owner ownerRef, JsonObject data, long revision, int collisions)
    {
        var ordered = ByName(data)!;
        var hash = Hash(ordered, collisions);
        var labels = owner["spec"]!["template"]!["metadata"]?["labels"]?.DeepClone().AsObject() ?? [];
        labels[hashLabel] = hash;
        return new JsonObject
        {
            ["apiVersion"] = "apps/v1",
            ["kind"] = "ControllerRevision",
            ["metadata"] = new JsonObject
            {
                ["name"] = NameOf(ownerRef.Name.Name, hash),
                ["namespace"] = ownerRef.Name.Namespace,
                ["labels"] = labels,
                ["annotations"] = owner["metadata"]!["annotations"]?.DeepClone(),
                ["ownerReferences"] = new JsonArray((JsonNode)ownerRef.Reference()),
            },
            ["data"] = ordered,
            ["revision"] = revision,
        };
    }

    /// <summary>A long name loses its end, never its hash.</summary>
    internal static string NameOf(string owner, string hash) => $"{(owner.Length > NameMax ? owner[..NameMax] : owner)}-{hash}";

    private static string Hash(JsonNode data, int collisions)
    {
        var hash = 2166136261u;     // FNV-1a, 32 bits
        foreach (var b in Encoding.UTF8.GetBytes(data.ToJsonString() + (collisions > 0 ? $"#{collisions}" : ""))) hash = (hash ^ b) * 16777619u;
        return string.Concat(hash.ToString(CultureInfo.InvariantCulture).Select(c => Letters[c % Letters.Length]));
    }
}
