using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>The write that is being admitted.</summary>
public enum AdmissionOperation { Create, Update, Delete, Connect }

/// <summary>One write on its way through admission. <c>Object</c> may be changed in place by <see cref="IAdmissionPlugin.MutateAsync"/> (null for a delete).</summary>
public sealed class AdmissionRequest
{
    public required AdmissionOperation Operation { get; init; }
    public required GroupVersionKind Kind { get; init; }
    public required GroupResource Resource { get; init; }
    public required string Version { get; init; }
    public string Subresource { get; init; } = "";
    public string Namespace { get; init; } = "";
    public string Name { get; set; } = "";
    public required UserInfo User { get; init; }
    public JsonObject? Object { get; set; }
    public JsonObject? OldObject { get; init; }
    public JsonObject? Options { get; init; }
    public bool IsDryRun { get; init; }

    /// <summary>What was asked for, where this is the request as one of an equivalent resource; else null.</summary>
    public AdmissionRequest? Asked { get; private init; }

    /// <summary>The object in the version that was asked for; within the server it is in the one that is worked on (HorizontalPodAutoscaler v1 is v2).</summary>
    public JsonObject? AsRequested(JsonObject? obj) => Converted(obj, Kind);

    /// <summary>The request as one of another version or group of the same objects.</summary>
    public AdmissionRequest As(GroupResource resource, string version, GroupVersionKind kind) => new()
    {
        Operation = Operation,
        Kind = kind,
        Resource = resource,
        Version = version,
        Subresource = Subresource,
        Namespace = Namespace,
        Name = Name,
        User = User,
        Object = Converted(Object, kind),
        OldObject = Converted(OldObject, kind),
        Options = Options,
        IsDryRun = IsDryRun,
        ResourceType = BuiltInSchemas.FindKind(kind) ?? ResourceType,
        Reader = Reader,
        Asked = Asked ?? this,
    };

    /// <summary>What became of an object that was shown in another version, in the version of <paramref name="own"/>.</summary>
    public JsonObject TakeBack(JsonObject changed, JsonObject own) =>
        GroupVersion.TryParse(own.Text("apiVersion"), out var version) ? Converted(changed, new(version.Group, version.Version, own.Text("kind")))! : changed;

    /// <summary>Versions of a custom resource differ in their name only.</summary>
    private static JsonObject? Converted(JsonObject? obj, GroupVersionKind kind)
    {
        if (obj is null || obj.Text("kind") != kind.Kind || obj.Text("apiVersion") == kind.GroupVersion.ToString()) return obj;
        var converted = (JsonObject)obj.DeepClone();
        if (BuiltInSchemas.FindKind(kind) is not null) KindConversion.Convert(converted, kind);
        else converted["apiVersion"] = kind.GroupVersion.ToString();
        return converted;
    }

    /// <summary>The type of the resource's objects; a subresource may have its own.</summary>
    public SchemaType? ResourceType { get; init; }

    /// <summary>The type of <see cref="Object"/>; null: there is no object, or nobody knows.</summary>
    public SchemaType? ObjectType => Object is null ? null
        : GroupVersion.TryParse(Object.Text("apiVersion"), out var version) && BuiltInSchemas.FindKind(new(version.Group, version.Version, Object.Text("kind"))) is { } type ? type : ResourceType;

    /// <summary>The caches; what a plugin reads.</summary>
    public required IResourceReader Reader { get; init; }

    public Reinvocation Reinvocation => field ??= new Reinvocation();

    /// <summary>Warnings for the client (the Warning header).</summary>
    public List<string> Warnings { get; } = [];
}

/// <summary>One admission plugin. Refusal is a <see cref="Bramble.Api.Errors.StatusException"/>. Mutating runs for all plugins before validating does.</summary>
public interface IAdmissionPlugin
{
    /// <summary>Upstream's plugin name: <c>NamespaceLifecycle</c>.</summary>
    string Name { get; }

    bool Handles(AdmissionRequest request);

    ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel) => ValueTask.CompletedTask;

    ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel) => ValueTask.CompletedTask;
}
