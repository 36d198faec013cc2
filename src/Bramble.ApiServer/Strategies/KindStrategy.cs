using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Caching;

namespace Bramble.ApiServer.Strategies;

/// <summary>What a strategy may look at besides the object: caches, the user, the time. One write's; <c>Subresource</c> empty for the main resource.</summary>
public sealed record StrategyContext(IResourceReader Reader, UserInfo User, DateTimeOffset Now, string Subresource = "", bool IsDryRun = false);

/// <summary>What is special to a kind; the schema does the rest. Each method's default says "nothing special". Called by the pipeline in this order:
/// Default → PrepareForCreate/PrepareForUpdate → (mutating admission, then Default again) → Validate → ValidateUpdate → (validating admission) → AllocateAsync → store
/// → on failure to store ReleaseAsync. The tree passed in is the one that will be stored; messages are upstream's to the byte.</summary>
public abstract class KindStrategy
{
    /// <summary>True: PUT on a missing name creates it (upstream AllowCreateOnUpdate).</summary>
    public virtual bool AllowsCreateOnUpdate => false;

    /// <summary>False: PUT without a resourceVersion is refused (upstream AllowUnconditionalUpdate).</summary>
    public virtual bool AllowsUnconditionalUpdate => true;

    /// <summary>Defaults that are rules, beyond the schema's own (upstream's SetDefaults_*). Must be idempotent. Also applied when an old stored object is read.</summary>
    public virtual void Default(JsonObject obj) { }

    /// <summary>Clears what a create may not set (status), sets generation 1 where the kind counts generations.</summary>
    public virtual void PrepareForCreate(JsonObject obj, StrategyContext context) { }

    /// <summary>Keeps what a main-resource update may not touch (status), bumps generation when the spec differs.</summary>
    public virtual void PrepareForUpdate(JsonObject obj, JsonObject old, StrategyContext context) { }

    /// <summary>Keeps everything a write of a subresource (<c>status</c>, <c>resize</c>, <c>ephemeralcontainers</c>, <c>approval</c>…) may not touch.</summary>
    public virtual void PrepareForSubresourceUpdate(string subresource, JsonObject obj, JsonObject old, StrategyContext context) { }

    /// <summary>Validation of the whole object (also runs on update, before ValidateUpdate). metadata is validated by the pipeline; <see cref="NameRule"/> says how.</summary>
    public virtual void Validate(JsonObject obj, FieldErrors errors, StrategyContext context) { }

    public virtual void ValidateUpdate(JsonObject obj, JsonObject old, FieldErrors errors, StrategyContext context) { }

    public virtual void ValidateSubresourceUpdate(string subresource, JsonObject obj, JsonObject old, FieldErrors errors, StrategyContext context) { }

    /// <summary>Upstream's WarningsOnCreate/WarningsOnUpdate; <paramref name="old"/> null on create.</summary>
    public virtual IEnumerable<string> Warnings(JsonObject obj, JsonObject? old) => [];

    /// <summary>Upstream's ValidateObjectMeta name function for the kind: the complaints about a name, empty when it is right.</summary>
    public virtual IEnumerable<string> NameRule(string name, bool isPrefix) => Names.DnsSubdomain(name, isPrefix);

    /// <summary>Field selector values beyond metadata.name and metadata.namespace (<c>spec.nodeName</c>, <c>status.phase</c>, <c>type</c>…).</summary>
    public virtual string? FieldValue(JsonObject obj, string fieldPath) => null;

    /// <summary>Selectable fields beyond metadata.name and metadata.namespace.</summary>
    public virtual IReadOnlyList<string> SelectableFields => [];

    /// <summary>Cluster IPs, node ports…: what must be reserved outside the object. Runs after validation, before the store.</summary>
    public virtual ValueTask AllocateAsync(JsonObject obj, JsonObject? old, StrategyContext context, CancellationToken cancel) => ValueTask.CompletedTask;

    /// <summary>Gives back what belongs to an object that was deleted, or what <see cref="AllocateAsync"/> took when the store then failed.</summary>
    public virtual ValueTask ReleaseAsync(JsonObject obj, JsonObject? remaining, StrategyContext context, CancellationToken cancel) => ValueTask.CompletedTask;

    /// <summary>Seconds of grace of a graceful deletion; null: deleted at once (everything but Pods).
    /// Upstream's CheckGracefulDelete; <paramref name="requestedSeconds"/> is what the client asked for.</summary>
    public virtual long? GracePeriodSeconds(JsonObject obj, long? requestedSeconds) => null;

    /// <summary>True: an update that leaves this object with a deletionTimestamp and no finalizers deletes it (all kinds but Namespaces with spec.finalizers).</summary>
    public virtual bool MayBeRemovedWhenFinalized(JsonObject obj) => true;

    /// <summary>Changes the object as it is marked for deletion (Namespace: phase Terminating).</summary>
    public virtual void OnDeletionStarted(JsonObject obj, StrategyContext context) { }

    /// <summary>Default propagation when the client names none: upstream's DefaultGarbageCollectionPolicy is Background everywhere but for a few (Jobs v1: Orphan only in old clients).</summary>
    public virtual string DefaultPropagation => "Background";

    /// <summary>Decorates what is read (upstream Decorator), e.g. Service defaults for old objects.</summary>
    public virtual bool CountsGeneration => false;
}
