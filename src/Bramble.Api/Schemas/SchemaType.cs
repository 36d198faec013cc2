using System.Collections.Frozen;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.Api.Schemas;

/// <summary>What a value is. From <see cref="Time"/> on: values whose JSON form Go's own marshaller of the type decides.</summary>
public enum SchemaKind
{
    /// <summary>Anything: a schema that says nothing (custom resources), or arbitrary JSON.</summary>
    Any,
    Struct,
    Map,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    Bytes,
    Time,
    MicroTime,
    Duration,
    Quantity,
    IntOrString,
    RawExtension,
    Json,
    FieldsV1,
    SchemaOrArray,
    SchemaOrBool,
    SchemaOrStrings,
    StringList,
}

/// <summary>How server-side apply sees a list: x-kubernetes-list-type.</summary>
public enum ListType { Atomic, Set, Map }

/// <summary>The type of a value: one engine for built-in types (from the embedded facts) and custom resources (from a structural schema).
/// Immutable once built and shared by all threads; references to other types are resolved on first use.</summary>
public sealed class SchemaType
{
    private static readonly FrozenDictionary<string, SchemaField> NoFields = FrozenDictionary<string, SchemaField>.Empty;

    private FrozenDictionary<string, SchemaField> _fieldsByName = NoFields;
    private FrozenDictionary<string, SchemaField>.AlternateLookup<ReadOnlySpan<char>> _fieldsBySpan = NoFields.GetAlternateLookup<ReadOnlySpan<char>>();
    private readonly SchemaReference? _element;
    private readonly IReadOnlyList<SchemaField> _fields = [];

    public required SchemaKind Kind { get; init; }

    /// <summary>The name of a built-in type (<c>io.k8s.api.core.v1.Pod</c>); empty for a type without one.</summary>
    public string Name { get; init; } = "";

    /// <summary>The type as Go's error messages name it: <c>v1.Pod</c>, <c>[]v1.Container</c>, <c>int32</c>.</summary>
    public string GoName { get; init; } = "interface {}";

    /// <summary>int32, int64, double, byte, date-time…; empty: none.</summary>
    public string Format { get; init; } = "";

    /// <summary>Kinds this type is the root of.</summary>
    public IReadOnlyList<GroupVersionKind> GroupVersionKinds { get; init; } = [];

    /// <summary>The fields of a struct, in the order in which the server writes them.</summary>
    public IReadOnlyList<SchemaField> Fields
    {
        get => _fields;
        init
        {
            _fields = value;
            _fieldsByName = value.ToFrozenDictionary(f => f.Name, StringComparer.Ordinal);
            _fieldsBySpan = _fieldsByName.GetAlternateLookup<ReadOnlySpan<char>>();
            for (var i = 0; i < value.Count; i++) value[i].Index = i;
        }
    }

    /// <summary>Type of an array's items or a map's values; null otherwise.</summary>
    public SchemaType? Element => _element?.Resolve();

    internal SchemaReference? ElementReference { init => _element = value; }

    public ListType ListType { get; init; }

    /// <summary>Keys of a <see cref="Schemas.ListType.Map"/> list.</summary>
    public IReadOnlyList<string> ListMapKeys { get; init; } = [];

    /// <summary>True: apply treats the map or struct as one value (x-kubernetes-map-type: atomic).</summary>
    public bool IsAtomic { get; init; }

    public IReadOnlyList<string> Enum { get; init; } = [];

    /// <summary>x-kubernetes-preserve-unknown-fields: unknown fields are kept; never true for a built-in struct.</summary>
    public bool PreservesUnknownFields { get; init; }

    /// <summary>Something above keeps unknown fields: who applies may name such here too, as upstream's; they are pruned.</summary>
    public bool MayBeAppliedUnknownFields { get; init; }

    /// <summary>x-kubernetes-embedded-resource: apiVersion, kind and metadata are kept even where not declared.</summary>
    public bool IsEmbeddedResource { get; init; }

    /// <summary>A custom resource's value may be null where this is true; built-in types decide by <see cref="SchemaField.IsPointer"/>.</summary>
    public bool IsNullable { get; init; }

    /// <summary>True for types made from a CustomResourceDefinition: unstructured rules (nulls kept where nullable, no omitempty) hold.</summary>
    public bool IsCustom { get; init; }

    /// <summary>Message name in protobuf; empty: none.</summary>
    public string ProtobufName { get; init; } = "";

    /// <summary>Structures that JSON flattens into this one and protobuf does not.</summary>
    public IReadOnlyList<ProtobufInline> ProtobufInlines { get; init; } = [];

    /// <summary>Fields of a message whose JSON form is special.</summary>
    public IReadOnlyList<ProtobufField> ProtobufFields { get; init; } = [];

    /// <summary>A struct's discriminated unions, as in OpenAPI's x-kubernetes-unions.</summary>
    public IReadOnlyList<SchemaUnion> Unions { get; init; } = [];

    /// <summary>The field of that JSON name (case matters), or null.</summary>
    public SchemaField? FindField(string name) => _fieldsByName.GetValueOrDefault(name);

    /// <inheritdoc cref="FindField(string)"/>
    public SchemaField? FindField(ReadOnlySpan<char> name) => _fieldsBySpan.TryGetValue(name, out var field) ? field : null;

    public bool IsScalar => Kind is not (SchemaKind.Struct or SchemaKind.Map or SchemaKind.Array or SchemaKind.Any or SchemaKind.RawExtension or SchemaKind.Json
        or SchemaKind.FieldsV1 or SchemaKind.SchemaOrArray or SchemaKind.SchemaOrStrings or SchemaKind.StringList);

    public override string ToString() => Name.Length > 0 ? Name : GoName;
}

/// <summary>A type, perhaps not looked up yet (types refer to each other in circles).</summary>
internal sealed class SchemaReference
{
    private readonly string? _name;
    private SchemaType? _type;

    public SchemaReference(string name) => _name = name;

    public SchemaReference(SchemaType type) => _type = type;

    public SchemaType Resolve() =>
        _type ??= BuiltInSchemas.Find(_name!) ?? throw new InvalidOperationException($"schema: type {_name} is named by another type but is not there");
}

/// <summary>A field of a struct.</summary>
public sealed class SchemaField
{
    private readonly SchemaReference _type;

    internal SchemaField(SchemaReference type) => _type = type;

    public SchemaField(SchemaType type) : this(new SchemaReference(type)) { }

    public required string Name { get; init; }
    public SchemaType Type => _type.Resolve();

    /// <summary>Position among the fields of its struct.</summary>
    public int Index { get; internal set; }

    public bool IsRequired { get; init; }

    /// <summary>The schema's default (its own copy on every read), or null.</summary>
    public JsonNode? Default => DefaultJson is null ? null : JsonNode.Parse(DefaultJson);

    /// <summary>The schema's default as JSON text, or null.</summary>
    public string? DefaultJson { get; init; }

    /// <summary>When the field is left out of JSON.</summary>
    public OmitRule Omit { get; init; }

    /// <summary>True: absent and the zero value are two things.</summary>
    public bool IsPointer { get; init; }

    /// <summary>Feature gates, all of which must be on for the field to be stored; empty: none.</summary>
    public IReadOnlyList<string> Gates { get; init; } = [];

    public PatchStrategy PatchStrategy { get; init; }
    public string PatchMergeKey { get; init; } = "";

    /// <summary>True: the field comes from a structure that JSON flattens into its parent.</summary>
    public bool IsInline { get; init; }

    /// <summary>The field as Go's decoder names it on its error path: <c>VolumeSource.hostPath</c> for an inline one.</summary>
    internal string GoPath { get => field ?? Name; init; }

    /// <summary>Null: not in the message itself (see <see cref="IsInline"/>).</summary>
    public ProtobufField? Protobuf { get; init; }
}

/// <summary>Go's omitempty and omitzero.</summary>
public enum OmitRule { Never, Empty, Zero }

/// <summary>x-kubernetes-patch-strategy.</summary>
[Flags]
public enum PatchStrategy { None = 0, Merge = 1, Replace = 2, RetainKeys = 4 }

/// <summary>How a field looks in protobuf; see the README beside the embedded facts.</summary>
/// <param name="Wire">string, bytes, bool, int32, int64, double, message or map.</param>
public sealed record ProtobufField(
    int Number,
    string Wire,
    string Message,
    bool IsRepeated,
    string Name,
    string MapKeyWire,
    string MapValueWire,
    string MapValueMessage);

/// <summary>A structure flattened in JSON that is a message of its own in protobuf.</summary>
public sealed record ProtobufInline(int Number, string Message, string Name);

/// <summary>Members that exclude each other. <c>Discriminator</c>: empty when there is none.</summary>
public sealed record SchemaUnion(string Discriminator, IReadOnlyDictionary<string, string> Members);
