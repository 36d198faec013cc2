using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.CustomResources;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>What holds for custom resources: what one version of their CustomResourceDefinition says. Behaviour of apiextensions' customresource registry.</summary>
internal sealed class CustomResourceStrategy : KindStrategy
{
    private static readonly HashSet<string> BesideSpec = new(StringComparer.Ordinal) { "apiVersion", "kind", "metadata" };

    private readonly GroupVersionKind _kind;
    private readonly JsonObject? _schema;
    private readonly RuleValidation? _rules;
    private readonly JsonObject? _scale;
    private readonly bool _hasStatus;

    /// <param name="version">An item of the definition's spec.versions.</param>
    public CustomResourceStrategy(GroupVersionKind kind, JsonObject version)
    {
        _kind = kind;
        _schema = version.Object("schema").Object("openAPIV3Schema");
        _rules = _schema is null ? null : new RuleValidation(_schema);
        _hasStatus = version.Object("subresources").Has("status");
        _scale = version.Object("subresources").Object("scale");
        List<string> fields = [];
        foreach (var (_, field) in version.Items("selectableFields")) fields.Add(field.Text("jsonPath").TrimStart('.'));
        SelectableFields = fields;
    }

    public override bool AllowsUnconditionalUpdate => false;
    public override bool AllowsPlainFinalizers => true;
    public override IReadOnlyList<string> SelectableFields { get; }

    public override string? UnknownFieldMessage(string fieldPath) => $"field label not supported: {fieldPath}";

    public override string? FieldValue(JsonObject obj, string fieldPath)
    {
        JsonNode? node = obj;
        foreach (var part in fieldPath.Split('.')) node = (node as JsonObject)?[part];
        return node switch
        {
            null => null,
            JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
            _ => node.ToJsonString(),
        };
    }

    public override void Default(JsonObject obj)
    {
        if (_schema is not null) StructuralDefaults.Apply(obj, _schema);
    }

    public override void PrepareForCreate(JsonObject obj, StrategyContext context)
    {
        if (_hasStatus) obj.Remove("status");
        obj.SetGeneration(1);
    }

    public override void PrepareForUpdate(JsonObject obj, JsonObject old, StrategyContext context)
    {
        if (_hasStatus) obj.KeepFrom(old, "status");
        foreach (var name in obj.Select(m => m.Key).Union(old.Select(m => m.Key)).ToList())
        {
            if (BesideSpec.Contains(name) || name == "status" && _hasStatus || !obj.Differs(old, name)) continue;
            obj.BumpGeneration(old);
            return;
        }
    }

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject obj, JsonObject old, StrategyContext context)
    {
        foreach (var name in obj.Select(m => m.Key).Union(old.Select(m => m.Key)).ToList())
            if (!BesideSpec.Contains(name) && name != "status") obj.KeepFrom(old, name);
        var (metadata, before) = (obj.Child("metadata"), old.Child("metadata"));
        foreach (var name in metadata.Select(m => m.Key).Union(before.Select(m => m.Key)).ToList())
            if (name is not ("managedFields" or "resourceVersion")) metadata.KeepFrom(before, name);
    }

    public override void Validate(JsonObject obj, FieldErrors errors, StrategyContext context) => Check(obj, null, errors);

    public override void ValidateUpdate(JsonObject obj, JsonObject old, FieldErrors errors, StrategyContext context) => Check(obj, old, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject obj, JsonObject old, FieldErrors errors, StrategyContext context) =>
        Check(obj, old, errors, subresource == "status");

    public override IEnumerable<string> Warnings(JsonObject obj, JsonObject? old)
    {
        foreach (var warning in _rules?.Warnings(obj, old) ?? []) yield return warning;
        var before = old?.Object("metadata").Texts("finalizers").ToHashSet(StringComparer.Ordinal) ?? [];
        foreach (var finalizer in obj.Object("metadata").Texts("finalizers").Distinct().Order(StringComparer.Ordinal))
        {
            if (before.Contains(finalizer)) continue;
            var start = $"metadata.finalizers: {FieldError.Quote(finalizer)}: ";
            foreach (var wrong in Formats.LabelKey(finalizer)) yield return start + wrong;
            if (finalizer.Contains('/') || finalizer is "orphan" or "foregroundDeletion" or "kubernetes") continue;
            var with = finalizer.Contains('.') ? " including a path (/)" : "";
            yield return $"{start}prefer a domain-qualified finalizer name{with} to avoid accidental conflicts with other finalizer writers";
        }
    }

    public override IEnumerable<string> SubresourceWarnings(string subresource, JsonObject obj, JsonObject old) =>
        subresource == "status" ? _rules?.Warnings(obj, old) ?? [] : Warnings(obj, old);

    private void Check(JsonObject obj, JsonObject? old, FieldErrors errors, bool isStatus = false)
    {
        if (obj.Text("kind") != _kind.Kind)
        {
            errors.Invalid("kind", obj.Text("kind"), $"must be {_kind.Kind}");
            return;
        }
        if (_schema is not null)
        {
            if (isStatus) SchemaValidation.ValidateStatus(obj, old!, _schema, errors);
            else SchemaValidation.Validate(obj, old, _schema, errors);
        }
        if (_scale is not null)
        {
            if (!isStatus) CustomScaleRules.Spec(obj, _scale, errors);
            CustomScaleRules.Status(obj, _scale, errors);
        }
        if (_schema is null) return;
        if (!isStatus) EmbeddedObjects.Validate(obj, _schema, errors);
        ListKeys.Validate(obj, old, _schema, errors);
        _rules?.ValidateAfterSchema(obj, old, errors);
    }
}
