using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Verbs;

/// <summary>What a delete did. <c>IsDeleted</c> false: it only began (grace, finalizers).</summary>
/// <param name="Object">As it was last.</param>
/// <param name="Status">The answer of kinds that do not answer the object.</param>
internal readonly record struct DeleteResult(KubeObject Object, bool IsDeleted, Status Status);

/// <summary>delete and deletecollection: preconditions, grace, finalizers of propagation; behaviour of apiserver's rest.BeforeDelete and generic store.</summary>
internal sealed class DeleteVerb(ObjectStore objects, WatchCache cache, AdmissionChain admission)
{
    private const string Orphan = "orphan";
    private const string Foreground = "foregroundDeletion";

    /// <summary>Kinds whose delete answers the object itself, where all others answer a Status.</summary>
    public static bool AnswersObject(GroupResource resource) => resource switch
    {
        ("", "namespaces" or "persistentvolumes" or "persistentvolumeclaims" or "pods" or "podtemplates" or "resourcequotas" or "services" or "serviceaccounts") => true,
        ("resource.k8s.io", "deviceclasses" or "resourceclaims" or "resourceclaimtemplates" or "resourceslices") => true,
        ("storage.k8s.io", "csidrivers" or "csinodes" or "storageclasses" or "volumeattachments" or "volumeattributesclasses") => true,
        _ => false,
    };

    /// <summary>What the live object needs before it may go.</summary>
    private enum Step { Remove, Mark, AlreadyMarked }

    public async ValueTask<DeleteResult> DeleteAsync(WriteContext context, DeleteOptions options, CancellationToken cancel)
    {
        var resource = context.Resource;
        await cache.ReachNewestAsync(cancel);
        KubeObject? marked = null;
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            var live = resource.Cache.Current.Items.Find(context.Name);
            if (live is null)
            {
                // Marked by this very request with no grace, and somebody else (the kubelet) removed it: done.
                if (marked is not null) return Done(context, marked, isDeleted: true);
                throw StatusErrors.NotFound(resource.GroupResource, context.Name.Name);
            }
            // And made it anew: that one is not meant.
            if (marked is not null && live.Uid != marked.Uid) return Done(context, marked, isDeleted: true);
            if (marked is null) CheckPreconditions(resource, live, options);
            var old = resource.ToWorking(live);
            if (!context.SkipsAdmission)
            {
                var request = context.Admission(AdmissionOperation.Delete, null, (JsonObject)old.DeepClone());
                await admission.MutateAsync(request, cancel);
                await admission.ValidateAsync(request, cancel);
                context.Take(request);
            }
            var obj = (JsonObject)old.DeepClone();
            var step = marked is not null ? Step.Remove : Decide(context, obj, options);
            switch (step)
            {
                case Step.AlreadyMarked:
                    return Done(context, live, isDeleted: false);
                case Step.Mark:
                    {
                        var bytes = resource.ToStorage(obj);
                        var asWritten = WireForm.Make(live.Name, bytes, live.ResourceVersion, live);
                        var isUnchanged = asWritten.Json.Span.SequenceEqual(live.Json.Span);
                        if (context.IsDryRun) return Done(context, asWritten, isDeleted: false);
                        var written = isUnchanged ? live : await objects.PutAsync(resource, new(live.Name, bytes), live, cancel);
                        if (written is null) continue;
                        var mayGo = obj.Meta().TextList("finalizers").Count == 0 && resource.Strategy.MayBeRemovedWhenFinalized(obj) && (obj.Meta().LongOrNull("deletionGracePeriodSeconds") ?? 0) == 0;
                        if (!mayGo) return Done(context, written, isDeleted: false);
                        marked = written;
                        continue;
                    }
                default:
                    if (context.IsDryRun) return Done(context, live, isDeleted: true);
                    if (await objects.DeleteAsync(resource, live, cancel) is not { } revision) continue;
                    await resource.Strategy.ReleaseAsync(old, null, context.Strategy, CancellationToken.None);
                    return Done(context, WireForm.WithRevision(live, revision), isDeleted: true);
            }
        }
    }

    /// <summary>Deletes what a list selects, page by page in one pass; the answer is the list as it was.</summary>
    public async ValueTask<ListAnswer> DeleteCollectionAsync(WriteContext context, ListAnswer list, DeleteOptions options, CancellationToken cancel)
    {
        foreach (var item in list.Items)
        {
            try
            {
                await DeleteAsync(context with { Name = item.Name }, options, cancel);
            }
            catch (StatusException e) when (e.IsNotFound)
            {
                continue; // gone already is what was asked for
            }
        }
        return list;
    }

    private static void CheckPreconditions(ServedResource resource, KubeObject live, DeleteOptions options)
    {
        var kind = new GroupResource(resource.Api.StorageKind.Group, resource.Kind.Kind);
        var version = live.ResourceVersion.ToString(CultureInfo.InvariantCulture);
        // Namespaces look for themselves, in words of their own.
        var isNamespace = resource.GroupResource is { Group: "", Resource: "namespaces" };
        if (options.Uid is { } uid && uid != live.Uid)
        {
            throw isNamespace
                ? StatusErrors.Conflict(resource.GroupResource, live.Name.Name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {live.Uid}")
                : StatusErrors.Conflict(kind, live.Name.Name, $"the UID in the precondition ({uid}) does not match the UID in record ({live.Uid}). The object might have been deleted and then recreated");
        }

        if (options.ResourceVersion is { } wanted && wanted != version)
        {
            throw isNamespace
                ? StatusErrors.Conflict(resource.GroupResource, live.Name.Name, $"Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {version}")
                : StatusErrors.Conflict(kind, live.Name.Name, $"the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The object might have been modified");
        }
    }

    /// <summary>Changes <paramref name="obj"/> to what must be written first, if anything.</summary>
    private static Step Decide(WriteContext context, JsonObject obj, DeleteOptions options)
    {
        var strategy = context.Resource.Strategy;
        var meta = obj.Meta();
        var now = context.Time.GetUtcNow();
        var requested = options.GracePeriodSeconds is < 0 ? 1 : options.GracePeriodSeconds;
        var isGraceful = false;
        if (obj.IsBeingDeleted())
        {
            // A namespace that is being emptied: what becomes of it was said by the first delete.
            if (!strategy.MayBeRemovedWhenFinalized(obj)) return Step.AlreadyMarked;
            var pending = meta.LongOrNull("deletionGracePeriodSeconds") is < 0 ? 1 : meta.LongOrNull("deletionGracePeriodSeconds") ?? 0;
            if (strategy.GracePeriodSeconds(obj, requested) is not null && pending > 0)
            {
                // Grace may only be shortened.
                if (requested is not { } period || period >= pending) return Step.AlreadyMarked;
                var due = (meta.TimeAt("deletionTimestamp") ?? now).AddSeconds(period - pending);
                if (due < now)
                {
                    due = now;
                    if (period != 0) period = 1;
                }
                meta["deletionTimestamp"] = Metadata.Time(due);
                meta["deletionGracePeriodSeconds"] = period;
                isGraceful = true;
            }
        }
        else if (strategy.GracePeriodSeconds(obj, requested) is { } grace)
        {
            meta["deletionTimestamp"] = Metadata.Time(now.AddSeconds(grace));
            meta["deletionGracePeriodSeconds"] = grace;
            if (meta.LongOrNull("generation") is > 0 and var generation) meta["generation"] = generation + 1;
            strategy.OnDeletionStarted(obj, context.Strategy);
            isGraceful = true;
        }
        SetPropagation(meta, strategy.DefaultPropagation, options);
        if (isGraceful) return Step.Mark;
        if (strategy.DeletionFinalizer is { } finalizer && !obj.IsBeingDeleted())
        {
            meta["finalizers"] = Metadata.ToArray([.. meta.TextList("finalizers").Where(f => f != finalizer), finalizer]);
            meta["deletionTimestamp"] = Metadata.Time(now);
            strategy.OnDeletionStarted(obj, context.Strategy);
            return Step.Mark;
        }
        if (meta.TextList("finalizers").Count == 0 && strategy.MayBeRemovedWhenFinalized(obj)) return Step.Remove;
        Mark(context, obj, now);
        return Step.Mark;
    }

    /// <summary>Marks an object that finalizers keep.</summary>
    private static void Mark(WriteContext context, JsonObject obj, DateTimeOffset now)
    {
        var meta = obj.Meta();
        var isFirst = !obj.IsBeingDeleted();
        if (isFirst && meta.LongOrNull("generation") is > 0 and var generation) meta["generation"] = generation + 1;
        if (isFirst || meta.TimeAt("deletionTimestamp") > now) meta["deletionTimestamp"] = Metadata.Time(now);
        // Namespaces are finalized by their own field and know no grace.
        if (context.Resource.GroupResource is not { Group: "", Resource: "namespaces" }) meta["deletionGracePeriodSeconds"] = 0;
        if (isFirst) context.Resource.Strategy.OnDeletionStarted(obj, context.Strategy);
    }

    /// <summary>The garbage collector's finalizers say what becomes of dependents: as asked, else as an earlier delete asked, else the kind's default.</summary>
    private static void SetPropagation(JsonObject meta, string defaultPolicy, DeleteOptions options)
    {
        var finalizers = meta.TextList("finalizers");
        var earlier = finalizers.FirstOrDefault(f => f is Orphan or Foreground);
        var orphans = defaultPolicy != "Unsupported" && (options.OrphanDependents ?? (options.PropagationPolicy is { } policy ? policy == "Orphan" : earlier is not null ? earlier == Orphan : defaultPolicy == "Orphan"));
        var foreground = defaultPolicy != "Unsupported" && options.OrphanDependents is null && (options.PropagationPolicy is { } asked ? asked == "Foreground" : earlier == Foreground);
        var wanted = finalizers.Where(f => f is not (Orphan or Foreground)).ToList();
        if (orphans) wanted.Add(Orphan);
        if (foreground) wanted.Add(Foreground);
        if (wanted.Count == 0) meta.Remove("finalizers");
        else if (!finalizers.ToHashSet().SetEquals(wanted)) meta["finalizers"] = Metadata.ToArray(wanted);
    }

    private static DeleteResult Done(WriteContext context, KubeObject obj, bool isDeleted)
    {
        var resource = context.Resource;
        var status = new Status(200, "", "", new StatusDetails(obj.Name.Name, resource.Api.Group, resource.Api.Plural, Uid: obj.Uid));
        return new DeleteResult(resource.ToServed(obj), isDeleted, status);
    }
}
