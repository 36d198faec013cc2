using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;

namespace Bramble.Api.Patching;

/// <summary>The patch formats that name a change (server-side apply is <see cref="Apply.ManagedFields"/>).</summary>
public enum PatchType { Json, Merge, Strategic }

/// <summary>Applies a patch to an object as upstream's PATCH handler does, with its errors.</summary>
public static class ObjectPatcher
{
    /// <param name="current">The object as it is served; not changed.</param>
    /// <returns>A new tree in normal form, and warnings under <see cref="FieldValidation.Warn"/>.</returns>
    /// <exception cref="StatusException">400, 422 or 500 as upstream: not a patch, a patch that does not fit, a result that is not of the type.</exception>
    public static DecodedObject Patch(
        JsonObject current, ReadOnlyMemory<byte> patch, PatchType patchType, SchemaType type, GroupVersionKind kind, FieldValidation validation) =>
        throw StatusErrors.Internal("patches come with the next landing of the engine");
}
