namespace Bramble.Controllers.GarbageCollection;

/// <summary>How an owner stands.</summary>
internal enum OwnerState
{
    /// <summary>There, and stays.</summary>
    Solid,

    /// <summary>Gone, or another object has its name.</summary>
    Absent,

    /// <summary>Going, as soon as its dependents have gone.</summary>
    WaitsForDependents,

    /// <summary>A cluster-scoped object names an owner in a namespace, and nobody can say in which: its owners are not judged at all.</summary>
    CannotBe,
}

/// <summary>What is to become of an object.</summary>
internal abstract record CollectionAction
{
    public sealed record Keep : CollectionAction;

    /// <summary>Some owners stay: only the links to the others go.</summary>
    public sealed record DropLinks(IReadOnlyList<string> Uids) : CollectionAction;

    public sealed record Delete(string Propagation) : CollectionAction;

    /// <summary>Its owners stop waiting for it, then it goes in the foreground: it owns what (perhaps by way of others) owns it, and each would wait for the
    /// other.</summary>
    public sealed record UnblockAndDelete : CollectionAction;

    /// <summary>Its dependents become ownerless, then its finalizer goes.</summary>
    public sealed record Orphan(IReadOnlyList<GraphNode> Dependents) : CollectionAction;

    /// <summary>Nobody is waited for any longer: the finalizer goes.</summary>
    public sealed record Finish(string Finalizer) : CollectionAction;

    /// <summary>Dependents that hold the deletion up must go first.</summary>
    public sealed record WaitFor(IReadOnlyList<GraphNode> Dependents) : CollectionAction;
}

/// <summary>Garbage collection of one object. Source: API concepts "Garbage collection", behaviour of upstream's garbagecollector.</summary>
internal static class Collection
{
    public static CollectionAction Decide(GraphNode node, IReadOnlyList<GraphNode> dependents, Func<OwnerLink, OwnerState> stateOf)
    {
        if (node.IsOrphaning) return dependents.Count > 0 ? new CollectionAction.Orphan(dependents) : new CollectionAction.Finish("orphan");
        if (node.IsDeletingInForeground)
        {
            var blocking = dependents.Where(d => d.Owners.Any(o => o.Uid == node.Uid && o.Blocks)).ToList();
            // Who waits for dependents of its own is on its way already; looking at it again would go round and round in a cycle.
            return blocking.Count > 0 ? new CollectionAction.WaitFor([.. dependents.Where(d => !d.IsDeletingInForeground)]) : new CollectionAction.Finish("foregroundDeletion");
        }
        if (node.IsBeingDeleted || node.Owners.Count == 0) return new CollectionAction.Keep();

        var states = node.Owners.Select(o => (o.Uid, State: stateOf(o))).ToList();
        if (states.Any(s => s.State == OwnerState.CannotBe)) return new CollectionAction.Keep();
        if (states.Any(s => s.State == OwnerState.Solid))
        {
            var links = states.Where(s => s.State != OwnerState.Solid).Select(s => s.Uid).ToList();
            return links.Count == 0 ? new CollectionAction.Keep() : new CollectionAction.DropLinks(links);
        }
        // A dependent with dependents of its own goes the same way, so that the whole tree is gone before the owner is.
        if (states.Any(s => s.State == OwnerState.WaitsForDependents) && dependents.Count > 0)
            return dependents.Any(d => d.IsDeletingInForeground) ? new CollectionAction.UnblockAndDelete() : new CollectionAction.Delete("Foreground");
        return new CollectionAction.Delete(
            node.Finalizers.Contains("orphan") ? "Orphan" : node.Finalizers.Contains("foregroundDeletion") ? "Foreground" : "Background");
    }
}
