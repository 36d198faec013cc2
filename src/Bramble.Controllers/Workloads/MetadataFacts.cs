using k8s.Models;

namespace Bramble.Controllers.Workloads;

/// <summary>What controllers ask of an object's metadata.</summary>
internal static class MetadataFacts
{
    /// <summary>Null: there is no such annotation.</summary>
    public static string? Annotation(this V1ObjectMeta metadata, string name) => metadata.Annotations is { } annotations && annotations.TryGetValue(name, out var value) ? value : null;
}
