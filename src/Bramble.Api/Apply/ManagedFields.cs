using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;

namespace Bramble.Api.Apply;

/// <summary>Who writes what when: the frame of one write as managedFields records it.</summary>
/// <param name="Manager">The fieldManager parameter, else the user agent up to the first slash.</param>
/// <param name="Subresource">Empty for the main resource.</param>
public sealed record FieldWrite(SchemaType Type, GroupVersionKind Kind, GroupResource Resource, string Subresource, string Manager, DateTimeOffset Now);

/// <summary>metadata.managedFields: who owns which field (behaviour of structured-merge-diff and apimachinery's fieldmanager). Pure.</summary>
public static class ManagedFields
{
    /// <summary>Records a create, update or patch. Call it before mutating admission, as upstream does.</summary>
    /// <param name="live">The stored object; null for a create.</param>
    /// <param name="obj">The new object, defaulted; its managedFields are replaced.</param>
    public static void Update(JsonObject? live, JsonObject obj, FieldWrite write) { }

    /// <summary>Server-side apply: merges <paramref name="applied"/> into <paramref name="live"/>.</summary>
    /// <param name="live">The stored object; null when there is none yet.</param>
    /// <param name="applied">What <see cref="ApplyConfiguration"/> decoded.</param>
    /// <returns>The object to write, managedFields set; <paramref name="live"/>'s own version where nothing changed.</returns>
    /// <exception cref="StatusException">409 with a cause for each field of another manager, unless <paramref name="force"/>.</exception>
    public static JsonObject Apply(JsonObject? live, JsonObject applied, FieldWrite write, bool force) =>
        throw StatusErrors.Internal("server-side apply comes with the next landing of the engine");
}

/// <summary>The body of a server-side apply.</summary>
public static class ApplyConfiguration
{
    /// <summary>Decodes the YAML or JSON of an apply request; nothing is pruned or defaulted.</summary>
    /// <exception cref="StatusException">400: not YAML, or under <see cref="FieldValidation.Strict"/> a repeated key.</exception>
    public static (JsonObject Tree, IReadOnlyList<string> Warnings) Decode(ReadOnlyMemory<byte> body, FieldValidation validation) =>
        throw StatusErrors.Internal("server-side apply comes with the next landing of the engine");
}
