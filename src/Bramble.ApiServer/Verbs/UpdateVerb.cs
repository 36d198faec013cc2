using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Verbs;

/// <summary>Makes the new object of an update from the live one, both as served; null live: there is none. Called again when somebody else was faster.</summary>
internal delegate JsonObject UpdateTransform(JsonObject? live);

/// <summary>Replaces objects: update, every patch, status and other subresources. Optimistic: the store's compare-and-swap decides, a lost race begins again.</summary>
internal sealed class UpdateVerb(ObjectStore objects, WatchCache cache, AdmissionChain admission, CreateVerb create)
{
    private const string Modified = "the object has been modified; please apply your changes to the latest version and try again";

    /// <param name="transform">Gives the new object, defaulted, its managedFields recorded.</param>
    /// <param name="mayCreate">What does not exist is created (server-side apply, and kinds that allow it).</param>
    /// <param name="uid">The uid the object must have; empty: any.</param>
    public async ValueTask<(KubeObject Object, bool IsCreated)> UpdateAsync(
        WriteContext context, UpdateTransform transform, bool mayCreate, string uid, CancellationToken cancel)
    {
        var resource = context.Resource;
        await cache.ReachNewestAsync(cancel);
        while (true)
        {
            var live = resource.Cache.Current.Items.Find(context.Name);
            if (live is null)
            {
                if (!mayCreate) throw StatusErrors.NotFound(resource.GroupResource, context.Name.Name);
                if (uid.Length > 0) throw UidMismatch(resource, context.Name, uid, "");
                var made = Without(transform(null), "resourceVersion");
                if (made.Meta().Text("uid") is { Length: > 0 } wanted) throw NothingToMatch(resource, context.Name, wanted);
                return (await create.CreateAsync(context, made, isApplied: true, cancel), true);
            }
            if (uid.Length > 0 && uid != live.Uid) throw UidMismatch(resource, context.Name, uid, live.Uid);
            if (await TryUpdateAsync(context, transform, live, cancel) is { } done) return (done, false);
            cancel.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Null: the live object was no longer the newest.</summary>
    private async ValueTask<KubeObject?> TryUpdateAsync(WriteContext context, UpdateTransform transform, KubeObject live, CancellationToken cancel)
    {
        var resource = context.Resource;
        var strategy = resource.Strategy;
        var old = resource.ToWorking(live);
        var servedOld = old;
        if (resource.Kind != resource.WorkingKind)
        {
            servedOld = (JsonObject)old.DeepClone();
            resource.WorkingToServed(servedOld);
        }
        var obj = transform(servedOld);
        resource.ServedToWorking(obj);
        strategy.Default(obj);
        var request = context.Admission(AdmissionOperation.Update, obj, old);
        await admission.MutateAsync(request, cancel);
        context.Take(request);
        obj = request.Object!;
        ObjectRules.DedupOwners(obj, context.Request.Warnings, afterAdmission: true);
        CheckVersion(context, obj, live);
        if (context.Subresource.Length == 0)
        {
            strategy.Complete(obj, old);
            await strategy.AllocateAsync(obj, old, context.Strategy, cancel);
        }
        KubeObject? done = null;
        try
        {
            done = await WriteAsync(context, obj, old, live, cancel);
            return done;
        }
        finally
        {
            // What is not kept goes back: all that was taken now, or what the old object had and the new one has no more.
            if (done is null || context.IsDryRun) await strategy.ReleaseAsync(obj, old, context.Strategy, CancellationToken.None);
            else await strategy.ReleaseAsync(old, obj, context.Strategy, CancellationToken.None);
        }
    }

    /// <summary>Null: the live object was no longer the newest.</summary>
    private async ValueTask<KubeObject?> WriteAsync(WriteContext context, JsonObject obj, JsonObject old, KubeObject live, CancellationToken cancel)
    {
        var resource = context.Resource;
        var strategy = resource.Strategy;
        // A custom resource keeps what it had without defaults of another version: a status is written, and nothing else.
        if (resource.Definition is not null) strategy.Default(obj);
        Prepare(context, obj, old);
        if (resource.Definition is null) strategy.Default(obj);
        Validate(context, obj, old);
        if (ObjectRules.DiffersOnlyInFieldTimes(obj, old) && SameBesides(obj, old)) obj.Meta().KeepFrom(old.Meta(), "managedFields");
        var validation = context.Admission(AdmissionOperation.Update, obj, old);
        await admission.ValidateAsync(validation, cancel);
        context.Take(validation);
        if (IsFinallyDeleted(obj, old) && strategy.MayBeRemovedWhenFinalized(obj)) return await RemoveAsync(context, obj, live, cancel);
        var bytes = resource.ToStorage(obj);
        var asWritten = WireForm.Make(live.Name, bytes, live.ResourceVersion, live);
        if (asWritten.Json.Span.SequenceEqual(live.Json.Span)) return resource.ToServed(live);
        if (context.IsDryRun) return resource.ToServed(asWritten);
        return await objects.PutAsync(resource, new(live.Name, bytes), live, cancel) is { } stored ? resource.ToServed(stored) : null;
    }

    /// <summary>Changes the stored object itself, past strategy, admission and managedFields: the few writes that upstream makes below its API
    /// (binding a pod, marking it as evicted).</summary>
    public async ValueTask<KubeObject> ChangeStoredAsync(WriteContext context, Func<JsonObject, bool> change, CancellationToken cancel)
    {
        var resource = context.Resource;
        await cache.ReachNewestAsync(cancel);
        while (true)
        {
            var live = resource.Cache.Current.Items.Find(context.Name) ?? throw StatusErrors.NotFound(resource.GroupResource, context.Name.Name);
            var obj = resource.ToWorking(live);
            if (!change(obj)) return resource.ToServed(live);
            var bytes = resource.ToStorage(obj);
            var asWritten = WireForm.Make(live.Name, bytes, live.ResourceVersion, live);
            if (asWritten.Json.Span.SequenceEqual(live.Json.Span)) return resource.ToServed(live);
            if (context.IsDryRun) return resource.ToServed(asWritten);
            if (await objects.PutAsync(resource, new(live.Name, bytes), live, cancel) is { } stored) return resource.ToServed(stored);
            cancel.ThrowIfCancellationRequested();
        }
    }

    private static void CheckVersion(WriteContext context, JsonObject obj, KubeObject live)
    {
        var resource = context.Resource;
        var text = obj.Meta().Text("resourceVersion");
        ulong version = 0;
        if (text.Length > 0 && !ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out version))
            throw new StatusException(new Status(500, "", $"strconv.ParseUint: parsing {FieldError.Quote(text)}: invalid syntax"));
        if (version == 0)
        {
            if (!resource.Strategy.AllowsUnconditionalUpdate)
            {
                var errors = new FieldErrors();
                errors.Invalid("metadata.resourceVersion", 0, "must be specified for an update");
                throw StatusErrors.Invalid(new GroupVersionKind(resource.Api.Group, resource.Api.Version, resource.Api.Plural), context.Name.Name, errors);
            }
            obj.Meta()["resourceVersion"] = live.ResourceVersion.ToString(CultureInfo.InvariantCulture);
        }
        else if (version != (ulong)live.ResourceVersion)
            throw StatusErrors.Conflict(resource.GroupResource, context.Name.Name, Modified);
    }

    /// <summary>What no update may change is taken from the old object.</summary>
    private static void Prepare(WriteContext context, JsonObject obj, JsonObject old)
    {
        var (meta, oldMeta) = (obj.Meta(), old.Meta());
        ObjectRules.EnsureNamespace(obj, context.Resource, context.Name.Namespace);
        meta.KeepFrom(oldMeta, "generation");
        meta.Remove("selfLink");
        DisabledPodFields.Drop(context.Resource.GroupResource, obj, old);
        if (context.WritesParent) context.Resource.Strategy.PrepareForUpdate(obj, old, context.Strategy);
        else context.Resource.Strategy.PrepareForSubresourceUpdate(context.Subresource, obj, old, context.Strategy);
        if (meta.Text("uid").Length == 0) meta.KeepFrom(oldMeta, "uid");
        if (oldMeta.Text("creationTimestamp").Length > 0) meta.KeepFrom(oldMeta, "creationTimestamp");
        if (oldMeta.Text("deletionTimestamp").Length > 0) meta.KeepFrom(oldMeta, "deletionTimestamp");
        if (oldMeta.LongOrNull("deletionGracePeriodSeconds") is not null && meta.LongOrNull("deletionGracePeriodSeconds") is null) meta.KeepFrom(oldMeta, "deletionGracePeriodSeconds");
    }

    private static void Validate(WriteContext context, JsonObject obj, JsonObject old)
    {
        var resource = context.Resource;
        var strategy = resource.Strategy;
        var errors = new FieldErrors();
        var passes = context.WritesParent ? strategy.MetadataOnUpdate : [MetadataPass.Changes];
        MetadataRules.ValidateUpdate(obj.Meta(), old.Meta(), resource.IsNamespaced, passes, strategy.NameRule, errors, strategy.AllowsPlainFinalizers);
        if (context.WritesParent) strategy.ValidateUpdate(obj, old, errors, context.Strategy);
        else strategy.ValidateSubresourceUpdate(context.Subresource, obj, old, errors, context.Strategy);
        if (errors.Count > 0) throw StatusErrors.Invalid(resource.ErrorKind(obj), obj.NameOf(), errors);
        context.Request.Warnings.AddRange(context.WritesParent ? strategy.Warnings(obj, old) : strategy.SubresourceWarnings(context.Subresource, obj, old));
    }

    /// <summary>The last finalizer of an object that is being deleted is gone, and no grace is left.</summary>
    private static bool IsFinallyDeleted(JsonObject obj, JsonObject old) =>
        obj.Meta().TextList("finalizers").Count == 0 && old.IsBeingDeleted() && (old.Meta().LongOrNull("deletionGracePeriodSeconds") ?? 0) == 0;

    private async ValueTask<KubeObject?> RemoveAsync(WriteContext context, JsonObject obj, KubeObject live, CancellationToken cancel)
    {
        var resource = context.Resource;
        var last = WireForm.Make(live.Name, resource.ToStorage(obj), live.ResourceVersion, live);
        if (context.IsDryRun) return resource.ToServed(last);
        if (await objects.DeleteAsync(resource, live, cancel) is null) return null;
        await resource.Strategy.ReleaseAsync(obj, null, context.Strategy, CancellationToken.None);
        return resource.ToServed(last);
    }

    private static bool SameBesides(JsonObject obj, JsonObject old)
    {
        foreach (var (name, value) in obj)
            if (name != "metadata" && !JsonNode.DeepEquals(value, old[name])) return false;
        foreach (var (name, value) in obj.Meta())
            if (name != "managedFields" && !JsonNode.DeepEquals(value, old.Meta()[name])) return false;
        return true;
    }

    private static JsonObject Without(JsonObject obj, string metaField)
    {
        obj.Meta().Remove(metaField);
        return obj;
    }

    private static StatusException NothingToMatch(ServedResource resource, NamespacedName name, string wanted) => StatusErrors.Conflict(
        resource.GroupResource, name.Name, $"uid mismatch: the provided object specified uid {wanted}, and no existing object was found");

    private static StatusException UidMismatch(ServedResource resource, NamespacedName name, string wanted, string found) => StatusErrors.Conflict(
        resource.GroupResource, name.Name,
        $"StorageError: invalid object, Code: 4, Key: {resource.KeyOf(name)}, ResourceVersion: 0, AdditionalErrorMsg: "
        + $"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}");
}
