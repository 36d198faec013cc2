using System.Text.Json;
using k8s.Models;

namespace Bramble.Client;

/// <summary>Reads JSON into the official client's models, for the kinds that Bramble itself works with.</summary>
/// <remarks>The readers are written by the compiler (Bramble.Client.Generator), one small method a type: the serializer's own knowledge of the same types was 4 MB of
/// binary and as much memory as all objects of a node (docs/decisions/0191-models-read-by-written-methods.md). A kind that a part begins to read as a model is added here; every other kind is worked
/// with as a tree. Nothing writes models: they may lack the newest fields.</remarks>
// What objects are read as a whole.
[ReadsModel(typeof(V1Pod))]
[ReadsModel(typeof(V1Node))]
[ReadsModel(typeof(V1EndpointSlice))]
[ReadsModel(typeof(V1Lease))]
[ReadsModel(typeof(Corev1Event))]
[ReadsModel(typeof(Resourcev1ResourceClaim))]
[ReadsModel(typeof(V1CertificateSigningRequest))]
[ReadsModel(typeof(V1ClusterRole))]
[ReadsModel(typeof(V1ConfigMap))]
[ReadsModel(typeof(V1ControllerRevision))]
[ReadsModel(typeof(V1CronJob))]
[ReadsModel(typeof(V1DaemonSet))]
[ReadsModel(typeof(V1Deployment))]
[ReadsModel(typeof(V1Endpoints))]
[ReadsModel(typeof(V1Ingress))]
[ReadsModel(typeof(V1IngressClass))]
[ReadsModel(typeof(V1IPAddress))]
[ReadsModel(typeof(V1Job))]
[ReadsModel(typeof(V1LimitRange))]
[ReadsModel(typeof(V1Namespace))]
[ReadsModel(typeof(V1NetworkPolicy))]
[ReadsModel(typeof(V1PersistentVolume))]
[ReadsModel(typeof(V1PersistentVolumeClaim))]
[ReadsModel(typeof(V1PodDisruptionBudget))]
[ReadsModel(typeof(V1PriorityClass))]
[ReadsModel(typeof(V1ReplicaSet))]
[ReadsModel(typeof(V1ReplicationController))]
[ReadsModel(typeof(V1ResourceClaimTemplate))]
[ReadsModel(typeof(V1ResourceQuota))]
[ReadsModel(typeof(V1RuntimeClass))]
[ReadsModel(typeof(V1Secret))]
[ReadsModel(typeof(V1Service))]
[ReadsModel(typeof(V1ServiceAccount))]
[ReadsModel(typeof(V1ServiceCIDR))]
[ReadsModel(typeof(V1StatefulSet))]
[ReadsModel(typeof(V1StorageClass))]
[ReadsModel(typeof(V2HorizontalPodAutoscaler))]
// Parts that stand alone: in the scheduler's configuration and in devices' slices.
[ReadsModel(typeof(V1NodeAffinity))]
[ReadsModel(typeof(V1NodeSelector))]
[ReadsModel(typeof(V1TopologySpreadConstraint))]
public static partial class ModelJson
{
    /// <summary>Reads a model.</summary>
    /// <exception cref="JsonException">Not the JSON of a <typeparamref name="T"/>.</exception>
    /// <exception cref="NotSupportedException">A kind that is not listed here: the caller's fault.</exception>
    public static unsafe T Read<T>(ReadOnlySpan<byte> json) where T : class
    {
        var read = Find(typeof(T));
        if (read == null) throw new NotSupportedException($"{typeof(T).Name} is not listed in {nameof(ModelJson)}: add it there, or work with the tree");
        var reader = new Utf8JsonReader(json);
        try
        {
            reader.Read();
            var model = read(ref reader) ?? throw new JsonException("null is not an object");
            if (reader.Read()) throw new JsonException($"there is more than one value: {reader.TokenType}");
            return (T)model;
        }
        // The reader's words for a value of another type or form.
        catch (Exception wrong) when (wrong is InvalidOperationException or FormatException)
        {
            throw new JsonException($"not a {typeof(T).Name}: {wrong.Message} (before byte {reader.BytesConsumed})", wrong);
        }
    }
}

/// <summary>A model that the marked class is to have a reader for: written by Bramble.Client.Generator.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
internal sealed class ReadsModelAttribute(Type model) : Attribute
{
    public Type Model { get; } = model;
}
