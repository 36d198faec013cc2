using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.Deployments;

/// <summary>A ReplicaSet as its Deployment's decisions see it.</summary>
internal sealed record ReplicaSetView(
    string Name, DateTime CreatedAt, int Replicas, int StatusReplicas, int ReadyReplicas, int AvailableReplicas, int? TerminatingReplicas, V1ReplicaSet Model)
{
    public static ReplicaSetView Of(V1ReplicaSet set) => new(
        set.Metadata.Name, set.Metadata.CreationTimestamp ?? default, set.Spec.Replicas ?? 1,
        set.Status?.Replicas ?? 0, set.Status?.ReadyReplicas ?? 0, set.Status?.AvailableReplicas ?? 0, set.Status?.TerminatingReplicas, set);

    /// <summary>Available replicas that stay: a set that was just told to shrink still reports those that are about to go.</summary>
    public int LastingReplicas => Math.Min(AvailableReplicas, Replicas);

    /// <summary>Those of them that are sure to: one that shrank and grew again before it said so reports Pods that it has given up in between.</summary>
    public int SureReplicas => HasSeenItsSpec ? LastingReplicas : 0;

    public bool HasSeenItsSpec => (Model.Status?.ObservedGeneration ?? 0) >= (Model.Metadata.Generation ?? 0);

    public NamespacedName FullName => Model.NamespacedName();

    public string? Annotation(string name) => Model.Metadata.Annotations is { } annotations && annotations.TryGetValue(name, out var value) ? value : null;

    /// <summary>0 also where the annotation is no number.</summary>
    public long Revision => long.TryParse(Annotation(DeploymentAnnotations.Revision), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var revision) ? revision : 0;

    /// <summary>Somebody wrote what is no number there: then it, and what else the Deployment would pass on, stays as it is.</summary>
    public bool HasForeignRevision =>
        Annotation(DeploymentAnnotations.Revision) is { Length: > 0 } text && !long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);

    public int? AnnotatedCount(string name) => int.TryParse(Annotation(name), NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : null;
}

internal static class DeploymentAnnotations
{
    public const string Revision = "deployment.kubernetes.io/revision";
    public const string RevisionHistory = "deployment.kubernetes.io/revision-history";
    public const string DesiredReplicas = "deployment.kubernetes.io/desired-replicas";
    public const string MaxReplicas = "deployment.kubernetes.io/max-replicas";
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";
    public const string RollbackTo = "deprecated.deployment.rollback.to";

    /// <summary>Which annotations of a Deployment its ReplicaSets carry too.</summary>
    public static bool IsCopied(string name) => name is not (LastApplied or Revision or RevisionHistory or DesiredReplicas or MaxReplicas or RollbackTo);

    /// <summary>The annotations of the new ReplicaSet after it became revision <paramref name="revision"/>.</summary>
    public static JsonObject ForNewSet(JsonObject? deployment, ReplicaSetView? known, long revision)
    {
        var result = new JsonObject();
        foreach (var (name, value) in known?.Model.Metadata.Annotations ?? new Dictionary<string, string>()) result[name] = value;
        foreach (var (name, value) in deployment ?? [])
            if (IsCopied(name)) result[name] = (string?)value;
        var old = known?.Revision ?? 0;
        if (old < revision)
        {
            if (known?.Annotation(Revision) is { Length: > 0 }) result[RevisionHistory] = History(known.Annotation(RevisionHistory), old);
            result[Revision] = revision.ToString(CultureInfo.InvariantCulture);
        }
        return result;
    }

    /// <summary>The revisions that a set had before; the oldest are forgotten when it gets too long.</summary>
    internal static string History(string? known, long revision)
    {
        const int lengthMax = 2000;
        var added = revision.ToString(CultureInfo.InvariantCulture);
        if (string.IsNullOrEmpty(known)) return added;
        var kept = known;
        while (kept.Length + added.Length + 1 > lengthMax && kept.IndexOf(',') is >= 0 and var comma) kept = kept[(comma + 1)..];
        return kept.Length + added.Length + 1 <= lengthMax ? $"{kept},{added}" : added;
    }
}
