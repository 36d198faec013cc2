using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>The Pod that empties a volume of hostPath or nfs whose policy is Recycle. Pure. Source: recycler_client.go and NewPersistentVolumeRecyclerPodTemplate of upstream.</summary>
internal static class Recycler
{
    private const string Prefix = "recycler-for-", Namespace = "default";
    private const long GiB = 1 << 30, SecondsPerGiB = 30;

    public static NamespacedName PodOf(V1PersistentVolume volume) => new(Namespace, Prefix + volume.Metadata.Name);

    /// <summary>The volume that a Pod empties; null: any other Pod.</summary>
    public static NamespacedName? VolumeOf(NamespacedName pod) =>
        pod.Namespace == Namespace && pod.Name.StartsWith(Prefix, StringComparison.Ordinal) ? new NamespacedName("", pod.Name[Prefix.Length..]) : null;

    /// <summary>What is to be done now. A Pod that was not begun here is removed, whatever became of it.</summary>
    /// <param name="begun">The uid of the Pod that was begun; null: none was.</param>
    public static RecyclerStep Decide(V1PersistentVolume volume, V1Pod? pod, string? begun, DateTime now)
    {
        if (begun is null)
        {
            var wait = volume.Status is { Phase: "Failed", LastPhaseTransitionTime: { } failed } ? failed + VolumeBinder.Resync - now : TimeSpan.Zero;
            return wait > TimeSpan.Zero ? new RecyclerStep.Wait(wait) : pod is null ? new RecyclerStep.Start() : new RecyclerStep.RemoveOld();
        }
        if (pod?.Metadata.Uid != begun) return new RecyclerStep.Done("recycler pod was deleted");
        return pod.Status?.Phase switch
        {
            "Succeeded" => new RecyclerStep.Done(null),
            "Failed" => new RecyclerStep.Done(pod.Status.Message is { Length: > 0 } message ? message : "pod failed, pod.Status.Message unknown"),
            _ => new RecyclerStep.Wait(null),
        };
    }

    public static JsonObject Pod(V1PersistentVolume volume)
    {
        var (source, shortest) = volume.Spec.HostPath is { } host
            ? (new JsonObject { ["hostPath"] = new JsonObject { ["path"] = host.Path } }, 60L)
            : (new JsonObject { ["nfs"] = new JsonObject { ["server"] = volume.Spec.Nfs.Server, ["path"] = volume.Spec.Nfs.Path } }, 300L);
        source["name"] = "vol";
        var size = volume.Spec.Capacity is { } capacity && capacity.TryGetValue("storage", out var storage) ? storage.ToDecimal() : 0;
        var name = PodOf(volume);
        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace },
            ["spec"] = new JsonObject
            {
                ["activeDeadlineSeconds"] = Math.Max(shortest, (long)(size / GiB) * SecondsPerGiB),
                ["restartPolicy"] = "Never",
                ["volumes"] = new JsonArray(source),
                ["containers"] = new JsonArray(new JsonObject
                {
                    ["name"] = "pv-recycler",
                    ["image"] = "registry.k8s.io/build-image/debian-base:bookworm-v1.0.6",
                    ["command"] = new JsonArray("/bin/sh"),
                    ["args"] = new JsonArray("-c", "test -e /scrub && find /scrub -mindepth 1 -delete && test -z \"$(ls -A /scrub)\" || exit 1"),
                    ["volumeMounts"] = new JsonArray(new JsonObject { ["name"] = "vol", ["mountPath"] = "/scrub" }),
                }),
            },
        };
    }
}

/// <summary>The next step of emptying a volume.</summary>
internal abstract record RecyclerStep
{
    private RecyclerStep() { }

    public sealed record Start : RecyclerStep;

    /// <param name="Delay">Null: until the Pod changes.</param>
    public sealed record Wait(TimeSpan? Delay) : RecyclerStep;

    public sealed record RemoveOld : RecyclerStep;

    /// <param name="Failure">Null: the volume is empty.</param>
    public sealed record Done(string? Failure) : RecyclerStep;
}
