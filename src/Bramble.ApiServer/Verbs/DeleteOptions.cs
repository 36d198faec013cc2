using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Verbs;

/// <summary>How to delete: of the body when there is one, else of the query.</summary>
internal sealed record DeleteOptions
{
    public long? GracePeriodSeconds { get; init; }
    public bool? OrphanDependents { get; init; }
    public string? PropagationPolicy { get; init; }
    public string? Uid { get; init; }
    public string? ResourceVersion { get; init; }
    public IReadOnlyList<string> DryRun { get; init; } = [];
    public bool IsDryRun => DryRun.Count > 0;

    public JsonObject ToTree()
    {
        var tree = new JsonObject { ["kind"] = "DeleteOptions", ["apiVersion"] = "meta.k8s.io/v1" };
        if (GracePeriodSeconds is { } grace) tree["gracePeriodSeconds"] = grace;
        if (Uid is not null || ResourceVersion is not null)
        {
            var preconditions = new JsonObject();
            if (Uid is not null) preconditions["uid"] = Uid;
            if (ResourceVersion is not null) preconditions["resourceVersion"] = ResourceVersion;
            tree["preconditions"] = preconditions;
        }
        if (OrphanDependents is { } orphan) tree["orphanDependents"] = orphan;
        if (PropagationPolicy is not null) tree["propagationPolicy"] = PropagationPolicy;
        if (DryRun.Count > 0) tree["dryRun"] = Metadata.ToArray(DryRun);
        return tree;
    }

    /// <param name="body">The body as JSON (converted by the caller from YAML or protobuf); null: none, the query counts.</param>
    public static DeleteOptions Read(ReadOnlyMemory<byte>? body, QueryParameters query)
    {
        var options = body is { } json ? OfBody(json) : new DeleteOptions
        {
            GracePeriodSeconds = RequestOptions.Long(query, "gracePeriodSeconds"),
            OrphanDependents = RequestOptions.Bool(query, "orphanDependents"),
            PropagationPolicy = query.Find("propagationPolicy") is { Length: > 0 } policy ? policy : null,
            DryRun = [.. query.All("dryRun")],
        };
        options.Check();
        return options;
    }

    public static DeleteOptions OfTree(JsonObject tree) => new()
    {
        GracePeriodSeconds = tree.LongOrNull("gracePeriodSeconds"),
        OrphanDependents = tree["orphanDependents"]?.GetValue<bool>(),
        PropagationPolicy = tree["propagationPolicy"]?.GetValue<string>(),
        Uid = tree["preconditions"]?["uid"]?.GetValue<string>(),
        ResourceVersion = tree["preconditions"]?["resourceVersion"]?.GetValue<string>(),
        DryRun = tree.TextList("dryRun"),
    };

    private static DeleteOptions OfBody(ReadOnlyMemory<byte> json)
    {
        if (GoJsonSyntax.FindError(json.Span) is { } error) throw StatusErrors.BadRequest($"couldn't get version/kind; json parse error: {error}");
        var type = BuiltInSchemas.Find("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions") ?? throw new InvalidOperationException("the schema has no DeleteOptions");
        JsonNode? root = JsonNode.Parse(json.Span);
        var (kind, version) = root is JsonObject head ? (head.Text("kind"), head.Text("apiVersion")) : ("", "");
        if (kind.Length > 0 && kind != "DeleteOptions")
            throw StatusErrors.BadRequest($"no kind {FieldError.Quote(kind)} is registered for version {FieldError.Quote(version.Length > 0 ? version : "v1")} in scheme \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27\"");
        var (tree, _) = ObjectDecoder.Read(json, type, FieldValidation.Ignore, StatusErrors.BadRequest);
        return OfTree(tree);
    }

    private void Check()
    {
        var errors = new FieldErrors();
        if (OrphanDependents is not null && PropagationPolicy is not null)
            errors.Invalid("propagationPolicy", PropagationPolicy, "orphanDependents and deletionPropagation cannot be both set");
        if (PropagationPolicy is not (null or "Foreground" or "Background" or "Orphan"))
            errors.NotSupported("propagationPolicy", PropagationPolicy, ["Foreground", "Background", "Orphan", "nil"]);
        RequestOptions.DryRun(DryRun, errors);
        if (errors.Count > 0) throw RequestOptions.Invalid("DeleteOptions", errors);
    }
}
