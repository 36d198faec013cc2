using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Caching;

namespace Bramble.ApiServer.Strategies;

/// <summary>What a strategy may look at besides the object: caches, the user, the time. One write's; <c>Subresource</c> empty for the main resource.</summary>
public sealed record StrategyContext(IResourceReader Reader, UserInfo User, DateTimeOffset Now, string Subresource = "", bool IsDryRun = false)
{
    /// <summary>Asked by the few kinds whose fields take rights of their own; null: everything is allowed.</summary>
    public IAuthorizer? Authorizer { get; init; }

    /// <summary>The request's verb: create, update, patch.</summary>
    public string Verb { get; init; } = "";
}

/// <summary>What is special to a kind; the schema does the rest. Each method's default says "nothing special". Called by the pipeline in this order:
/// Default → (mutating admission) → Complete → AllocateAsync → PrepareForCreate/PrepareForUpdate → Default again → Validate of a create, ValidateUpdate of an update →
/// (validating admission) → store → ReleaseAsync: of the new object when it was not stored, of the old one after an update or a deletion. The tree passed in is the one that will be stored; messages are upstream's to the byte.</summary>
public abstract class KindStrategy
{
    /// <summary>True: PUT on a missing name creates it (upstream AllowCreateOnUpdate).</summary>
    public virtual bool AllowsCreateOnUpdate => false;

    /// <summary>False: PUT without a resourceVersion is refused (upstream AllowUnconditionalUpdate).</summary>
    public virtual bool AllowsUnconditionalUpdate => true;

    /// <summary>Defaults that are rules, beyond the schema's own (upstream's SetDefaults_*). Must be idempotent. Also applied when an old stored object is read.</summary>
    public virtual void Default(JsonObject obj) { }

    /// <summary>The kind has a status with an endpoint of its own: a create starts with <see cref="NewStatus"/>, an update keeps the old one.</summary>
    public virtual bool HasStatus => false;

    /// <summary>metadata.generation counts the changes of <see cref="GenerationFields"/>, from 1.</summary>
    public virtual bool CountsGeneration => false;

    /// <summary>Top-level fields whose change is a new generation.</summary>
    protected virtual IReadOnlyList<string> GenerationFields => SpecOnly;

    /// <summary>A status write takes labels, annotations, owners and finalizers from the old object (upstream's ResetObjectMetaForStatus).</summary>
    protected virtual bool StatusWriteKeepsMeta => false;

    /// <summary>The status of a new object, with the fields that are written even when zero.</summary>
    protected virtual JsonObject NewStatus(JsonObject obj, StrategyContext context) => [];

    /// <summary>Clears what a create may not set (status), sets generation 1 where the kind counts generations. metadata.name and uid are set.</summary>
    public virtual void PrepareForCreate(JsonObject obj, StrategyContext context)
    {
        if (HasStatus) obj["status"] = NewStatus(obj, context);
        if (CountsGeneration) obj.SetGeneration(1);
    }

    /// <summary>Keeps what a main-resource update may not touch (status), bumps generation when the spec differs.</summary>
    public virtual void PrepareForUpdate(JsonObject obj, JsonObject old, StrategyContext context)
    {
        if (HasStatus) obj.KeepFrom(old, "status");
        if (!CountsGeneration) return;
        foreach (var field in GenerationFields)
        {
            if (!obj.Differs(old, field)) continue;
            obj.BumpGeneration(old);
            return;
        }
    }

    /// <summary>Keeps everything a write of a subresource (<c>status</c>, <c>resize</c>, <c>ephemeralcontainers</c>, <c>approval</c>…) may not touch.</summary>
    public virtual void PrepareForSubresourceUpdate(string subresource, JsonObject obj, JsonObject old, StrategyContext context)
    {
        if (subresource == "status") KeepAllButStatus(obj, old);
    }

    /// <summary>Everything but metadata and status from the old object.</summary>
    protected void KeepAllButStatus(JsonObject obj, JsonObject old)
    {
        foreach (var (name, _) in obj.ToList())
            if (name is not ("apiVersion" or "kind" or "metadata" or "status")) obj.KeepFrom(old, name);
        foreach (var (name, _) in old)
            if (!obj.ContainsKey(name) && name != "status") obj.KeepFrom(old, name);
        if (StatusWriteKeepsMeta) obj.KeepMetaForStatus(old);
    }

    /// <summary>Validation of a new object. metadata is validated by the pipeline before; <see cref="NameRule"/> says how.</summary>
    public virtual void Validate(JsonObject obj, FieldErrors errors, StrategyContext context) { }

    /// <summary>True: a finalizer need not be qualified by a domain. Custom resources, and the kinds whose metadata upstream looks at with apimachinery's validation instead of core's.</summary>
    public virtual bool AllowsPlainFinalizers => false;

    /// <summary>A finalizer that the deletion itself adds (CustomResourceDefinitions: their objects go first); null: none.</summary>
    public virtual string? DeletionFinalizer => null;

    /// <summary>Why an object of that name may not be deleted (unless with the whole collection); null: it may.</summary>
    public virtual string? WhyNotDeletable(string name) => null;

    /// <summary>How often, and how, upstream's validation of an update of this kind looks at metadata again.</summary>
    public virtual IReadOnlyList<MetadataPass> MetadataOnUpdate => ChangesOnly;

    protected static readonly IReadOnlyList<MetadataPass> ChangesOnly = [MetadataPass.Changes];
    protected static readonly IReadOnlyList<MetadataPass> WholeOnly = [MetadataPass.Whole];
    protected static readonly IReadOnlyList<MetadataPass> ChangesThenWhole = [MetadataPass.Changes, MetadataPass.Whole];
    protected static readonly IReadOnlyList<MetadataPass> WholeThenChanges = [MetadataPass.Whole, MetadataPass.Changes];

    /// <summary>The whole validation of an update of the main resource, in upstream's order; by default that of a new object.</summary>
    public virtual void ValidateUpdate(JsonObject obj, JsonObject old, FieldErrors errors, StrategyContext context) => Validate(obj, errors, context);

    public virtual void ValidateSubresourceUpdate(string subresource, JsonObject obj, JsonObject old, FieldErrors errors, StrategyContext context) { }

    /// <summary>Upstream's WarningsOnCreate/WarningsOnUpdate; <paramref name="old"/> null on create.</summary>
    public virtual IEnumerable<string> Warnings(JsonObject obj, JsonObject? old) => [];

    /// <summary>Warnings of a write of a subresource.</summary>
    public virtual IEnumerable<string> SubresourceWarnings(string subresource, JsonObject obj, JsonObject old) => [];

    /// <summary>Upstream's ValidateObjectMeta name function for the kind: the complaints about a name, empty when it is right.</summary>
    public virtual IReadOnlyList<string> NameRule(string name, bool isPrefix) => Names.DnsSubdomain(name, isPrefix);

    /// <summary>The rule of kinds that upstream validates by declaration: of the prefix only what comes of it counts.</summary>
    protected static IReadOnlyList<string> LongName(string name, bool isPrefix) => isPrefix ? Names.PathSegment(name, isPrefix) : Names.DnsSubdomain(name);

    /// <summary>Field selector values beyond metadata.name and metadata.namespace (<c>spec.nodeName</c>, <c>status.phase</c>, <c>type</c>…).</summary>
    public virtual string? FieldValue(JsonObject obj, string fieldPath) => null;

    /// <summary>The field's value is the text at just that path of the JSON, so that a look at the bytes can rule an object out.</summary>
    public virtual bool IsTextField(string fieldPath) => false;

    /// <summary>Selectable fields beyond metadata.name and metadata.namespace.</summary>
    public virtual IReadOnlyList<string> SelectableFields => [];

    /// <summary>Fills in what follows from the old object and the cluster, so that <see cref="AllocateAsync"/> knows what is missing.
    /// What makes no sense at all is refused here, alone, by an exception.</summary>
    public virtual void Complete(JsonObject obj, JsonObject? old) { }

    /// <summary>Cluster IPs, node ports…: what must be reserved outside the object. Runs before the strategy prepares and validates: it must stand any object.</summary>
    public virtual ValueTask AllocateAsync(JsonObject obj, JsonObject? old, StrategyContext context, CancellationToken cancel) => ValueTask.CompletedTask;

    /// <summary>Gives back what <paramref name="obj"/> holds and <paramref name="remaining"/> does not: a deleted object's (null remains), an old one's after its
    /// update, or a new one's when the store then failed (what was stored before remains).</summary>
    public virtual ValueTask ReleaseAsync(JsonObject obj, JsonObject? remaining, StrategyContext context, CancellationToken cancel) => ValueTask.CompletedTask;

    /// <summary>Seconds of grace of a graceful deletion; null: deleted at once (everything but Pods).
    /// Upstream's CheckGracefulDelete; <paramref name="requestedSeconds"/> is what the client asked for.</summary>
    public virtual long? GracePeriodSeconds(JsonObject obj, long? requestedSeconds) => null;

    /// <summary>True: an update that leaves this object with a deletionTimestamp and no finalizers deletes it (all kinds but Namespaces with spec.finalizers).</summary>
    public virtual bool MayBeRemovedWhenFinalized(JsonObject obj) => true;

    /// <summary>Changes the object as it is marked for deletion (Namespace: phase Terminating).</summary>
    public virtual void OnDeletionStarted(JsonObject obj, StrategyContext context) { }

    /// <summary>Propagation of a delete that names none (upstream's DefaultGarbageCollectionPolicy): Background but for Jobs and
    /// ReplicationControllers, whose dependents are orphaned, and Events, which have none (Unsupported).</summary>
    public virtual string DefaultPropagation => "Background";

    /// <summary>Upstream's answer (400) to an unknown field selector of this kind; null: the list of the known ones is the answer.</summary>
    public virtual string? UnknownFieldMessage(string fieldPath) => SelectableFields.Count == 0 ? null : $"field label not supported: {fieldPath}";

    private static readonly IReadOnlyList<string> SpecOnly = ["spec"];
}

/// <summary>One look at an object's metadata during an update: at what changed, or at all of it as of a new object.</summary>
public enum MetadataPass { Changes, Whole }
