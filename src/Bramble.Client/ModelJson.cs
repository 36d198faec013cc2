using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using k8s;
using k8s.Models;

namespace Bramble.Client;

/// <summary>JSON of the official client's models, for the kinds that Bramble itself works with.</summary>
/// <remarks>The package's own context knows all 700 types and both directions' fast paths: 14 MB of binary and 10 MB of resident memory. This one knows what is
/// listed. A kind that a part begins to read as a model is added here; every other kind is worked with as a tree.</remarks>
public static class ModelJson
{
    /// <summary>Reads a model.</summary>
    /// <exception cref="JsonException">Not the JSON of a <typeparamref name="T"/>.</exception>
    public static T Read<T>(ReadOnlySpan<byte> json) where T : class =>
        JsonSerializer.Deserialize(json, Info<T>()) ?? throw new JsonException("null is not an object");

    /// <summary>The tree of a model, without what is null.</summary>
    public static JsonObject ToTree<T>(T model) where T : class => JsonSerializer.SerializeToNode(model, Info<T>())!.AsObject();

    private static JsonTypeInfo<T> Info<T>() where T : class =>
        (JsonTypeInfo<T>?)ModelsContext.Default.GetTypeInfo(typeof(T)) ?? throw new NotSupportedException($"{typeof(T).Name} is not listed in {nameof(ModelsContext)}: add it there, or work with the tree");
}

/// <summary>metadata.managedFields are for the API server, which works on trees; no reader of a model asks for them. Of a Pod's model they would be the larger half.</summary>
internal sealed class ManagedFieldsUnread : JsonConverter<IList<V1ManagedFieldsEntry>>
{
    public override IList<V1ManagedFieldsEntry>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        reader.Skip();
        return null;
    }

    public override void Write(Utf8JsonWriter writer, IList<V1ManagedFieldsEntry> value, JsonSerializerOptions options) =>
        throw new NotSupportedException("a model that was read lacks them, and one that was made here has none");
}

[JsonSourceGenerationOptions(
    GenerationMode = JsonSourceGenerationMode.Metadata,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    Converters = [typeof(ManagedFieldsUnread), typeof(KubernetesJson.Iso8601TimeSpanConverter), typeof(KubernetesJson.KubernetesDateTimeConverter), typeof(KubernetesJson.KubernetesDateTimeOffsetConverter)])]
// What models hold as "object" (managedFields, JSON defaults).
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(Corev1Event))]
[JsonSerializable(typeof(Resourcev1ResourceClaim))]
[JsonSerializable(typeof(V1CertificateSigningRequest))]
[JsonSerializable(typeof(V1ClusterRole))]
[JsonSerializable(typeof(V1ConfigMap))]
[JsonSerializable(typeof(V1ControllerRevision))]
[JsonSerializable(typeof(V1CronJob))]
[JsonSerializable(typeof(V1DaemonSet))]
[JsonSerializable(typeof(V1Deployment))]
[JsonSerializable(typeof(V1Endpoints))]
[JsonSerializable(typeof(V1EndpointSlice))]
[JsonSerializable(typeof(V1Ingress))]
[JsonSerializable(typeof(V1IngressClass))]
[JsonSerializable(typeof(V1IPAddress))]
[JsonSerializable(typeof(V1Job))]
[JsonSerializable(typeof(V1Lease))]
[JsonSerializable(typeof(V1LimitRange))]
[JsonSerializable(typeof(V1Namespace))]
[JsonSerializable(typeof(V1NetworkPolicy))]
[JsonSerializable(typeof(V1Node))]
[JsonSerializable(typeof(V1PersistentVolume))]
[JsonSerializable(typeof(V1PersistentVolumeClaim))]
[JsonSerializable(typeof(V1Pod))]
[JsonSerializable(typeof(V1PodDisruptionBudget))]
[JsonSerializable(typeof(V1PriorityClass))]
[JsonSerializable(typeof(V1ReplicaSet))]
[JsonSerializable(typeof(V1ReplicationController))]
[JsonSerializable(typeof(V1ResourceClaimTemplate))]
[JsonSerializable(typeof(V1ResourceQuota))]
[JsonSerializable(typeof(V1RuntimeClass))]
[JsonSerializable(typeof(V1Secret))]
[JsonSerializable(typeof(V1Service))]
[JsonSerializable(typeof(V1ServiceAccount))]
[JsonSerializable(typeof(V1ServiceCIDR))]
[JsonSerializable(typeof(V1StatefulSet))]
[JsonSerializable(typeof(V1StorageClass))]
[JsonSerializable(typeof(V2HorizontalPodAutoscaler))]
internal sealed partial class ModelsContext : JsonSerializerContext;
