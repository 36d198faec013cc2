using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Text.Json;
using Bramble.Api.Naming;

namespace Bramble.Api.Schemas;

/// <summary>The types of the Kubernetes 1.36 API, from the facts embedded in this assembly. A type is read when first asked for and kept;
/// the facts themselves stay in the mapped binary, off the heap. Thread-safe.</summary>
public static class BuiltInSchemas
{
    private static readonly ConcurrentDictionary<string, SchemaType> Types = new(StringComparer.Ordinal);
    private static readonly Lazy<SchemaIndex> Index = new(ReadIndex);

    /// <summary>All type names.</summary>
    public static IEnumerable<string> TypeNames => Index.Value.Types.Keys;

    /// <summary>All kinds that have a type.</summary>
    public static IEnumerable<GroupVersionKind> GroupVersionKinds => Index.Value.Kinds.Keys;

    /// <summary>Feature gates and whether they are on by default.</summary>
    public static IReadOnlyDictionary<string, bool> FeatureGates => Index.Value.FeatureGates;

    /// <summary>The type of that name (<c>io.k8s.api.core.v1.Pod</c>), or null.</summary>
    public static SchemaType? Find(string typeName)
    {
        if (Types.TryGetValue(typeName, out var known)) return known;
        if (!Index.Value.Types.TryGetValue(typeName, out var range)) return null;
        return Types.GetOrAdd(typeName, SchemaTypeReader.Read(typeName, Facts().Slice(range.Start, range.Length)));
    }

    internal static bool TypeExists(string typeName) => Index.Value.Types.ContainsKey(typeName);

    /// <summary>The root type of a kind, or null.</summary>
    public static SchemaType? FindKind(GroupVersionKind kind) => Index.Value.Kinds.TryGetValue(kind, out var name) ? Find(name) : null;

    /// <summary>The name of a kind's root type, or null.</summary>
    public static string? FindTypeName(GroupVersionKind kind) => Index.Value.Kinds.GetValueOrDefault(kind);

    /// <summary>The type of a protobuf message (<c>k8s.io.api.core.v1.Pod</c>), or null.</summary>
    public static SchemaType? FindMessage(string message) => Index.Value.Messages.TryGetValue(message, out var name) ? Find(name) : null;

    internal static ReadOnlySpan<byte> Facts()
    {
        var stream = (UnmanagedMemoryStream)typeof(BuiltInSchemas).Assembly.GetManifestResourceStream("schema.json")!;
        // The stream is a window on the assembly's own mapping, which lives as long as the process.
        unsafe
        {
            return new ReadOnlySpan<byte>(stream.PositionPointer, checked((int)stream.Length));
        }
    }

    private static SchemaIndex ReadIndex()
    {
        var facts = Facts();
        var types = new Dictionary<string, (int, int)>(700, StringComparer.Ordinal);
        var kinds = new Dictionary<GroupVersionKind, string>(200);
        var messages = new Dictionary<string, string>(700, StringComparer.Ordinal);
        var gates = new Dictionary<string, bool>(StringComparer.Ordinal);
        var reader = new Utf8JsonReader(facts);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("types"u8)) ReadTypes(ref reader, types, kinds, messages);
            else if (reader.ValueTextEquals("featureGates"u8)) ReadGates(ref reader, gates);
            else reader.Skip();
        }
        return new SchemaIndex(
            types.ToFrozenDictionary(StringComparer.Ordinal),
            kinds.ToFrozenDictionary(),
            messages.ToFrozenDictionary(StringComparer.Ordinal),
            gates.ToFrozenDictionary(StringComparer.Ordinal));
    }

    private static void ReadTypes(
        ref Utf8JsonReader reader,
        Dictionary<string, (int, int)> types,
        Dictionary<GroupVersionKind, string> kinds,
        Dictionary<string, string> messages)
    {
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            var start = checked((int)reader.TokenStartIndex);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("gvk"u8))
                {
                    reader.Read();
                    while (reader.Read() && reader.TokenType == JsonTokenType.StartArray)
                    {
                        var kind = SchemaTypeReader.ReadKind(ref reader);
                        kinds.TryAdd(kind, name);
                    }
                }
                else if (reader.ValueTextEquals("proto"u8))
                {
                    reader.Read();
                    messages.TryAdd(reader.GetString()!, name);
                }
                else
                {
                    reader.Skip();
                }
            }
            types.Add(name, (start, checked((int)reader.BytesConsumed) - start));
        }
    }

    private static void ReadGates(ref Utf8JsonReader reader, Dictionary<string, bool> gates)
    {
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isState = reader.ValueTextEquals("on"u8);
                reader.Read();
                if (isState) gates[name] = reader.GetBoolean();
            }
        }
    }

    private sealed record SchemaIndex(
        FrozenDictionary<string, (int Start, int Length)> Types,
        FrozenDictionary<GroupVersionKind, string> Kinds,
        FrozenDictionary<string, string> Messages,
        FrozenDictionary<string, bool> FeatureGates);
}
