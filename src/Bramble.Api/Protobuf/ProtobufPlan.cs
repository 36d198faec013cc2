using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using Bramble.Api.Schemas;

namespace Bramble.Api.Protobuf;

/// <summary>A field of a message as the codec needs it: of the JSON object, or (<c>Inline</c>) a message that JSON flattens into the object.</summary>
internal sealed record ProtobufEntry(int Number, SchemaField? Field, ProtobufField? Wire, SchemaType? Inline);

/// <summary>The fields of a struct's message in number order. Made once a type.</summary>
internal sealed class ProtobufPlan
{
    private static readonly ConditionalWeakTable<SchemaType, ProtobufPlan> Plans = [];

    private readonly FrozenDictionary<int, ProtobufEntry> _byNumber;

    private ProtobufPlan(SchemaType type)
    {
        var entries = new List<ProtobufEntry>();
        foreach (var field in type.Fields)
            if (field.Protobuf is { } wire) entries.Add(new(wire.Number, field, wire, null));
        foreach (var inline in type.ProtobufInlines)
            if (BuiltInSchemas.FindMessage(inline.Message) is { } message) entries.Add(new(inline.Number, null, null, message));
        entries.Sort((a, b) => a.Number.CompareTo(b.Number));
        Entries = entries;
        _byNumber = entries.ToFrozenDictionary(e => e.Number);
    }

    public IReadOnlyList<ProtobufEntry> Entries { get; }

    public static ProtobufPlan Of(SchemaType type) => Plans.GetValue(type, static t => new ProtobufPlan(t));

    public ProtobufEntry? Find(int number) => _byNumber.GetValueOrDefault(number);

    /// <summary>The type of a message field's values.</summary>
    public static SchemaType MessageType(string message) =>
        BuiltInSchemas.FindMessage(message) ?? throw new InvalidOperationException($"schema: no type for the protobuf message {message}");
}
