namespace Bramble.Api.Tables;

/// <summary>What of each object a Table row carries.</summary>
public enum IncludedObject { Metadata, Object, None }

/// <summary>How a Table (or PartialObjectMetadata) was asked for.</summary>
/// <param name="Version">Version of meta.k8s.io: v1 or v1beta1.</param>
/// <param name="HasHeaders">False from the second event of a watch on.</param>
public sealed record TableQuery(string Version = "v1", IncludedObject Include = IncludedObject.Metadata, bool HasHeaders = true)
{
    /// <summary>Reads the <c>includeObject</c> parameter.</summary>
    /// <param name="error">The message of the 400 answer; empty when it is right.</param>
    public static bool TryParseInclude(string? includeObject, out IncludedObject include, out string error)
    {
        error = "";
        (include, var isKnown) = includeObject switch
        {
            null or "" or "Metadata" => (IncludedObject.Metadata, true),
            "Object" => (IncludedObject.Object, true),
            "None" => (IncludedObject.None, true),
            _ => (IncludedObject.Metadata, false),
        };
        if (!isKnown)
            error = $"Unable to convert to Table as requested: includeObject: Invalid value: {Errors.FieldError.Quote(includeObject!)}: must be 'Metadata', 'Object', 'None', or empty";
        return isKnown;
    }
}

/// <summary>Metadata of a list, or of one object shown as a list of one (its resourceVersion).</summary>
public readonly record struct TableMetadata(string ResourceVersion, string? Continue = null, long? RemainingItemCount = null);
