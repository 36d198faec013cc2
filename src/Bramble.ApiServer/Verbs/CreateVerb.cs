using System.Text.Json.Nodes;
using Bramble.Api.Apply;
using Bramble.Api.Errors;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Verbs;

/// <summary>Stores new objects: managers, mutating admission, system metadata, strategy, validation, validating admission, allocation, store.</summary>
internal sealed class CreateVerb(ObjectStore objects, AdmissionChain admission)
{
    private const int NameAttemptsMax = 8;

    /// <summary>Creates <paramref name="served"/>, decoded and defaulted, in the served version.</summary>
    /// <param name="isApplied">Its managedFields are set already (server-side apply of what was not there).</param>
    public async ValueTask<KubeObject> CreateAsync(WriteContext context, JsonObject served, bool isApplied, CancellationToken cancel)
    {
        var resource = context.Resource;
        var meta = served.Meta();
        foreach (var field in (ReadOnlySpan<string>)["creationTimestamp", "uid", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"]) meta.Remove(field);
        ObjectRules.EnsureNamespace(served, resource, context.Name.Namespace);
        ObjectRules.DedupOwners(served, context.Request.Warnings, afterAdmission: false);
        if (!isApplied) ManagedFields.Update(null, served, context.FieldWrite);
        resource.ServedToWorking(served);
        resource.Strategy.Default(served);
        var request = context.Admission(AdmissionOperation.Create, served, null);
        if (request.Name.Length == 0) request.Name = served.NameOf();
        await admission.MutateAsync(request, cancel);
        context.Take(request);
        var mutated = request.Object!;
        ObjectRules.DedupOwners(mutated, context.Request.Warnings, afterAdmission: true);
        var prefix = mutated.Meta().Text("generateName");
        if (prefix.Length == 0 || mutated.NameOf().Length > 0) return await StoreAsync(context, mutated, cancel);
        for (var attempt = 1; ; attempt++)
        {
            var named = (JsonObject)mutated.DeepClone();
            named.Meta()["name"] = ObjectRules.GenerateName(prefix, context.Seeded ?? Random.Shared);
            try
            {
                return await StoreAsync(context, named, cancel);
            }
            catch (StatusException e) when (e.IsAlreadyExists && attempt < NameAttemptsMax)
            {
                continue; // the name is taken: another one
            }
        }
    }

    private async ValueTask<KubeObject> StoreAsync(WriteContext context, JsonObject obj, CancellationToken cancel)
    {
        var strategy = context.Resource.Strategy;
        var meta = obj.Meta();
        meta["creationTimestamp"] = Metadata.Time(context.Time.GetUtcNow());
        meta["uid"] = NewUid(context.Seeded);
        // Addresses and ports are taken before validation, as upstream does: what it refuses are the values taken.
        strategy.Complete(obj, null);
        await strategy.AllocateAsync(obj, null, context.Strategy, cancel);
        KubeObject? stored = null;
        try
        {
            stored = await PutAsync(context, obj, cancel);
            return stored;
        }
        finally
        {
            if (stored is null || context.IsDryRun) await strategy.ReleaseAsync(obj, null, context.Strategy, CancellationToken.None);
        }
    }

    private static string NewUid(Random? seeded)
    {
        if (seeded is null) return Guid.NewGuid().ToString();
        Span<byte> bytes = stackalloc byte[16];
        seeded.NextBytes(bytes);
        return new Guid(bytes).ToString();
    }

    private async ValueTask<KubeObject> PutAsync(WriteContext context, JsonObject obj, CancellationToken cancel)
    {
        var resource = context.Resource;
        var strategy = resource.Strategy;
        var version = obj.Meta().Text("resourceVersion");
        DisabledPodFields.Drop(resource.GroupResource, obj, null);
        if (resource.Definition is not null) strategy.Default(obj);
        strategy.PrepareForCreate(obj, context.Strategy);
        // Strategies and admission may have left empty defaults: what is validated is what would be stored.
        if (resource.Definition is null) strategy.Default(obj);
        Validate(context, obj);
        if (resource.Definition is { IsTerminating: true })
            throw StatusErrors.Forbidden(resource.GroupResource, obj.NameOf(), "create not allowed while custom resource definition is terminating");
        var request = context.Admission(AdmissionOperation.Create, obj, null);
        request.Name = obj.NameOf();
        await admission.ValidateAsync(request, cancel);
        context.Take(request);
        var name = obj.IdOf();
        if (version.Length > 0 && version != "0") throw new StatusException(new Status(500, "", "resourceVersion should not be set on objects to be created"));
        var live = resource.Cache.Current.Items.Find(name);
        if (live is not null) throw Exists(resource, obj, live);
        var bytes = resource.ToStorage(obj);
        if (context.IsDryRun) return resource.ToServed(new KubeObject(name, obj.Meta().Text("uid"), 0, bytes));
        var stored = await objects.PutAsync(resource, new(name, bytes), null, cancel);
        return stored is null ? throw Exists(resource, obj, resource.Cache.Current.Items.Find(name)) : resource.ToServed(stored);
    }

    private static void Validate(WriteContext context, JsonObject obj)
    {
        var resource = context.Resource;
        var errors = new FieldErrors();
        MetadataRules.Validate(obj.Meta(), resource.IsNamespaced, resource.Strategy.NameRule, errors, resource.Strategy.AllowsPlainFinalizers);
        resource.Strategy.Validate(obj, errors, context.Strategy);
        if (errors.Count > 0) throw StatusErrors.Invalid(resource.ErrorKind(obj), obj.NameOf(), errors);
        context.Request.Warnings.AddRange(resource.Strategy.Warnings(obj, null));
    }

    private static StatusException Exists(ServedResource resource, JsonObject obj, KubeObject? live)
    {
        var exists = obj.Meta().Text("generateName").Length > 0 ? StatusErrors.GeneratedNameExists(resource.GroupResource, obj.NameOf()) : StatusErrors.AlreadyExists(resource.GroupResource, obj.NameOf());
        return live is not null && live.ToTree().IsBeingDeleted()
            ? new StatusException(exists.Status with { Message = $"object is being deleted: {exists.Status.Message}" })
            : exists;
    }
}
