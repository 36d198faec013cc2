namespace Bramble.Api.Cel;

internal enum CelKind { Dyn, Error, Null, Bool, Int, Uint, Double, String, Bytes, Duration, Timestamp, Any, List, Map, Struct, Opaque, TypeParameter, Type }

/// <summary>A type of CEL as the checker sees it. Immutable; equality is by value.</summary>
internal sealed class CelType : IEquatable<CelType>
{
    private static readonly IReadOnlyList<CelType> None = [];

    public static readonly CelType Dyn = new(CelKind.Dyn, "dyn");
    public static readonly CelType Any = new(CelKind.Any, "any");
    public static readonly CelType Error = new(CelKind.Error, "!error!");
    public static readonly CelType Null = new(CelKind.Null, "null_type");
    public static readonly CelType Bool = new(CelKind.Bool, "bool");
    public static readonly CelType Int = new(CelKind.Int, "int");
    public static readonly CelType Uint = new(CelKind.Uint, "uint");
    public static readonly CelType Double = new(CelKind.Double, "double");
    public static readonly CelType String = new(CelKind.String, "string");
    public static readonly CelType Bytes = new(CelKind.Bytes, "bytes");
    public static readonly CelType Duration = new(CelKind.Duration, "google.protobuf.Duration");
    public static readonly CelType Timestamp = new(CelKind.Timestamp, "google.protobuf.Timestamp");
    public static readonly CelType AnyType = new(CelKind.Type, "type");

    private CelType(CelKind kind, string name, IReadOnlyList<CelType>? parameters = null) => (Kind, Name, Parameters) = (kind, name, parameters ?? None);

    public CelKind Kind { get; }
    public string Name { get; }

    /// <summary>A list's element; a map's key and value; what an optional holds.</summary>
    public IReadOnlyList<CelType> Parameters { get; }

    public bool IsOptional => Kind == CelKind.Opaque && Name == "optional_type";
    public bool IsDynOrError => Kind is CelKind.Dyn or CelKind.Any or CelKind.Error;

    public static CelType List(CelType element) => new(CelKind.List, "list", [element]);

    public static CelType Map(CelType key, CelType value) => new(CelKind.Map, "map", [key, value]);

    public static CelType Optional(CelType value) => Opaque("optional_type", [value]);

    public static CelType Opaque(string name, IReadOnlyList<CelType>? parameters = null) => new(CelKind.Opaque, name, parameters);

    public static CelType Struct(string name) => new(CelKind.Struct, name);

    public static CelType Parameter(string name) => new(CelKind.TypeParameter, name);

    public static CelType TypeOf(CelType type) => new(CelKind.Type, "type", [type]);

    public CelType WithParameters(IReadOnlyList<CelType> parameters) => new(Kind, Name, parameters);

    public bool Equals(CelType? other) => other is not null && (ReferenceEquals(this, other)
        || Kind == other.Kind && Name == other.Name && Parameters.Count == other.Parameters.Count && SameParameters(other));

    private bool SameParameters(CelType other)
    {
        for (var i = 0; i < Parameters.Count; i++)
            if (!Parameters[i].Equals(other.Parameters[i])) return false;
        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as CelType);

    public override int GetHashCode() => HashCode.Combine(Kind, string.GetHashCode(Name, StringComparison.Ordinal), Parameters.Count);

    /// <summary>As error messages show it: <c>list(int)</c>, <c>optional_type(string)</c>, <c>duration</c>.</summary>
    public override string ToString() => Kind switch
    {
        CelKind.Any => "any",
        CelKind.Duration => "duration",
        CelKind.Timestamp => "timestamp",
        CelKind.Null => "null",
        _ => Parameters.Count == 0 ? Name : $"{Name}({string.Join(", ", Parameters)})",
    };
}
