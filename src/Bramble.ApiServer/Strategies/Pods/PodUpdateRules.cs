using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What may change in a Pod: images, the deadline downwards, more tolerations, fewer scheduling gates (and, while gated, a narrower choice of nodes).</summary>
internal static class PodUpdateRules
{
    private const string Updatable = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
        + "`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

    public static void Validate(JsonObject pod, JsonObject old, FieldErrors errors)
    {
        PodRules.Validate(pod, errors);
        PodRules.ValidateAnnotationsUpdate(pod, old, errors);
        var (spec, before) = (pod.Object("spec") ?? [], old.Object("spec") ?? []);
        foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
            if (!Containers(spec, before, list, errors)) return;
        if (!Deadline(spec, before, errors)) return;
        Tolerations(spec, before, errors);
        Gates(spec, before, errors);
        if (!pod.Differs(old, "spec")) return;
        if (!IsSameButForUpdatable(spec, before, errors)) errors.Forbidden(FieldPath.Spec, Updatable + "\n");
    }

    public static void ValidateEphemeralContainers(JsonObject pod, JsonObject old, FieldErrors errors)
    {
        if (old.Annotations().Has("kubernetes.io/config.mirror"))
        {
            errors.Forbidden("[]", "static pods do not support ephemeral containers");
            return;
        }

        PodRules.Validate(pod, errors);
        PodRules.ValidateAnnotationsUpdate(pod, old, errors);
        var path = FieldPath.Spec.Child("ephemeralContainers");
        foreach (var (_, before) in old.Object("spec").Items("ephemeralContainers"))
        {
            var name = before.Text("name");
            JsonObject? now = null;
            foreach (var (_, container) in pod.Object("spec").Items("ephemeralContainers"))
                if (container.Text("name") == name) now = container;
            if (now is null) errors.Forbidden(path, $"existing ephemeral containers {FieldError.Quote(name)} may not be removed\n");
            else if (!TreeEquality.Same(now, before))
                errors.Forbidden(
                    path,
                    $"existing ephemeral containers {FieldError.Quote(name)} may not be changed\n{UnifiedDiff.Of(GoShapes.Show("EphemeralContainer", before), GoShapes.Show("EphemeralContainer", now))}");
        }
    }

    /// <summary>False: the lists cannot be compared, which is all there is to say.</summary>
    private static bool Containers(JsonObject spec, JsonObject before, string list, FieldErrors errors)
    {
        var path = FieldPath.Spec.Child(list);
        if (spec.Count(list) != before.Count(list))
        {
            errors.Forbidden(path, "pod updates may not add or remove containers");
            return false;
        }

        foreach (var (index, container) in spec.Items(list))
        {
            if (container.Text("image").Length == 0) errors.Required(path.Index(index).Child("image"));
            ContainerRules.ImageHasNoSpace(container, path.Index(index), errors);
        }

        return true;
    }

    private static bool Deadline(JsonObject spec, JsonObject before, FieldErrors errors)
    {
        var path = FieldPath.Spec.Child("activeDeadlineSeconds");
        var (now, then) = (spec.LongOrNull("activeDeadlineSeconds"), before.LongOrNull("activeDeadlineSeconds"));
        if (now is null)
        {
            if (then is not null) errors.Invalid(path, null, "must not update from a positive integer to nil value");
            return true;
        }

        if (now is < 0 or > int.MaxValue)
        {
            errors.Invalid(path, now.Value, Formats.Range(0, int.MaxValue));
            return false;
        }

        if (then >= now || then is null) return true;
        errors.Invalid(path, now.Value, "must be less than or equal to previous value");
        return false;
    }

    private static void Tolerations(JsonObject spec, JsonObject before, FieldErrors errors)
    {
        var path = FieldPath.Spec.Child("tolerations");
        foreach (var (_, old) in before.Items("tolerations"))
        {
            var isThere = false;
            foreach (var (_, now) in spec.Items("tolerations"))
            {
                var same = (JsonObject)old.DeepClone();
                same.KeepFrom(now, "tolerationSeconds");
                isThere |= TreeEquality.Same(same, now);
            }

            if (isThere) continue;
            errors.Forbidden(path, "existing toleration can not be modified except its tolerationSeconds");
            return;
        }

        TolerationRules.Validate(spec, path, errors);
    }

    private static void Gates(JsonObject spec, JsonObject before, FieldErrors errors)
    {
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (_, gate) in before.Items("schedulingGates")) known.Add(gate.Text("name"));
        foreach (var (index, gate) in spec.Items("schedulingGates"))
            if (!known.Contains(gate.Text("name")))
                errors.Forbidden(FieldPath.Spec.Child("schedulingGates").Index(index).Child("name"), $"only deletion is allowed, but found new scheduling gate '{gate.Text("name")}'");
    }

    private static bool IsSameButForUpdatable(JsonObject spec, JsonObject before, FieldErrors errors)
    {
        var munged = (JsonObject)spec.DeepClone();
        foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
            foreach (var (index, container) in munged.Items(list)) container.KeepFrom((JsonObject)before.Array(list)![index]!, "image");
        foreach (var field in (ReadOnlySpan<string>)["activeDeadlineSeconds", "schedulingGates", "tolerations"]) munged.KeepFrom(before, field);
        if (before.Long("terminationGracePeriodSeconds") < 0 && munged.Long("terminationGracePeriodSeconds") == 1) munged.KeepFrom(before, "terminationGracePeriodSeconds");
        if (before.Count("schedulingGates") > 0) PodGatedUpdate.Allow(munged, before, errors);
        return TreeEquality.Same(munged, before);
    }
}
