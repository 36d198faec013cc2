using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>In-place resize of a Pod (KEP-1287): cpu and memory change, nothing else, and the QoS class stays.</summary>
internal static class PodResizeRules
{
    public static void Validate(JsonObject pod, JsonObject old, FieldErrors errors)
    {
        var (spec, before, path) = (pod.Object("spec") ?? [], old.Object("spec") ?? [], FieldPath.Spec);
        if (old.Annotations().Has("kubernetes.io/config.mirror"))
        {
            errors.Forbidden("[]", "static pods cannot be resized");
            return;
        }

        if (before.Text("os", "name") == "windows")
        {
            errors.Forbidden("[]", "windows pods cannot be resized");
            return;
        }

        PodRules.Validate(pod, errors);
        if (QualityOfService.OfPod(old) != QualityOfService.Of(spec)) errors.Invalid(path, pod.Text("status", "qosClass"), "Pod QOS Class may not change as a result of resizing");
        if (!IsSupportedByNode(old)) errors.Forbidden(path, "Pod running on node without support for resize");
        var munged = (JsonObject)spec.DeepClone();
        if (before.Has("resources") || spec.Has("resources")) PodLevel(spec, before, munged, errors);
        if (!IsSameOrder(spec, before, errors)) return;
        foreach (var list in (ReadOnlySpan<string>)["initContainers", "containers"])
            foreach (var (index, container) in spec.Items(list)) NothingRemoved(container, (JsonObject)before.Array(list)![index]!, path.Child(list).Index(index).Child("resources"), "resource", errors);
        foreach (var (index, container) in munged.Items("containers"))
        {
            var was = (JsonObject)before.Array("containers")![index]!;
            KeepComputeResources(container, was);
            if (!TreeEquality.Same(container, was)) errors.Forbidden(path, "only cpu and memory resources are mutable");
        }

        foreach (var (index, container) in munged.Items("initContainers")) InitContainer(container, (JsonObject)before.Array("initContainers")![index]!, path.Child("initContainers").Index(index), errors);
        if (errors.Count == 0 && !TreeEquality.Same(munged, before)) errors.Forbidden(path, "only cpu and memory resources are mutable");
    }

    private static void InitContainer(JsonObject container, JsonObject was, FieldPath path, FieldErrors errors)
    {
        var isChanged = !TreeEquality.Same(container, was);
        KeepComputeResources(container, was);
        if (!TreeEquality.Same(container, was)) errors.Forbidden(path, "only cpu and memory resources for init or sidecar containers are mutable");
        if (!isChanged || container.Text("restartPolicy") == "Always") return;
        foreach (var (_, policy) in container.Items("resizePolicy"))
            if (policy.Text("restartPolicy") == "RestartContainer") errors.Forbidden(path, "non-sidecar init containers with a resize policy of RestartContainer cannot be resized");
    }

    private static bool IsSupportedByNode(JsonObject pod)
    {
        foreach (var (_, status) in pod.Object("status").Items("containerStatuses"))
            if (status.Object("state").Has("running")) return status.Has("resources");
        return true;
    }

    private static void PodLevel(JsonObject spec, JsonObject before, JsonObject munged, FieldErrors errors)
    {
        var path = FieldPath.Spec.Child("resources");
        if (before.Has("resources") && !spec.Has("resources"))
        {
            errors.Forbidden(path, "pod-level resources cannot be removed");
            return;
        }

        if (before.Has("resources")) NothingRemoved(spec, before, path, "pod-level resource", errors);
        KeepComputeResources(munged, before);
        if (munged.Object("resources") is { Count: 0 } && !before.Has("resources")) munged.Remove("resources");
        if (munged.Differs(before, "resources")) errors.Forbidden(FieldPath.Spec, "only cpu and memory resources are mutable at pod-level");
    }

    private static bool IsSameOrder(JsonObject spec, JsonObject before, FieldErrors errors)
    {
        var count = errors.Count;
        foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
        {
            var path = FieldPath.Spec.Child(list);
            if (spec.Count(list) != before.Count(list))
            {
                errors.Forbidden(path, $"{list} may not be added or removed on resize");
                continue;
            }

            foreach (var (index, container) in spec.Items(list))
                if (container.Text("name") != (before.Array(list)![index] as JsonObject).Text("name")) errors.Forbidden(path.Index(index).Child("name"), $"{list} may not be renamed or reordered on resize");
        }

        return errors.Count == count;
    }

    private static void NothingRemoved(JsonObject owner, JsonObject was, FieldPath path, string noun, FieldErrors errors)
    {
        foreach (var list in (ReadOnlySpan<string>)["requests", "limits"])
        {
            var (now, then) = (owner.Object("resources").Object(list), was.Object("resources").Object(list));
            if (then is not null && then.Any(amount => !now.Has(amount.Key))) errors.Forbidden(path.Child(list), $"{noun} {list} cannot be removed");
        }
    }

    private static void KeepComputeResources(JsonObject owner, JsonObject was)
    {
        var resources = owner.Child("resources");
        foreach (var list in (ReadOnlySpan<string>)["requests", "limits"])
        {
            var (amounts, before) = (resources.Child(list), was.Object("resources").Object(list) ?? []);
            amounts.KeepFrom(before, "cpu");
            amounts.KeepFrom(before, "memory");
            if (amounts.Count == 0) resources.Remove(list);
        }
    }
}
