using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>The deprecated AppArmor annotations of a Pod and the field that replaced them (KEP-24).</summary>
internal static class AppArmor
{
    public const string AnnotationPrefix = "container.apparmor.security.beta.kubernetes.io/";

    /// <summary>A container's annotation becomes its field, unless the field is there or the pod's profile says the same.</summary>
    public static void CopyAnnotationsToFields(JsonObject pod)
    {
        if (pod.Annotations() is not { } annotations || pod.Object("spec") is not { } spec || spec.Text("os", "name") == "windows") return;
        var podProfile = spec.Object("securityContext").Object("appArmorProfile");
        foreach (var list in PodDefaults.ContainerLists)
        {
            foreach (var (_, container) in spec.Items(list))
            {
                if (annotations.TextOrNull(AnnotationPrefix + container.Text("name")) is not { } annotation) continue;
                if (container.Object("securityContext").Has("appArmorProfile") || Profile(annotation) is not { } profile) continue;
                if (!TreeEquality.Same(profile, podProfile)) container.Child("securityContext")["appArmorProfile"] = profile;
            }
        }
    }

    public static void AnnotationsAgreeWithFields(JsonObject annotations, JsonObject spec, FieldPath path, FieldErrors errors)
    {
        const string local = "localhost/";
        if (spec.Text("os", "name") == "windows") return;
        foreach (var list in PodDefaults.ContainerLists)
        {
            foreach (var (index, container) in spec.Items(list))
            {
                var profile = container.Object("securityContext").Object("appArmorProfile") ?? spec.Object("securityContext").Object("appArmorProfile");
                if (profile is null || annotations.TextOrNull(AnnotationPrefix + container.Text("name")) is not { } annotation) continue;
                var at = path.Child(list).Index(index).Child("securityContext", "appArmorProfile");
                var isSameType = profile.Text("type") switch
                {
                    "Unconfined" => annotation == "unconfined",
                    "RuntimeDefault" => annotation == "runtime/default",
                    "Localhost" => annotation.StartsWith(local, StringComparison.Ordinal),
                    _ => true,
                };
                if (!isSameType) errors.Forbidden(at.Child("type"), "apparmor type in annotation and field must match");
                else if (profile.Text("type") == "Localhost" && profile.TextOrNull("localhostProfile") != annotation[local.Length..])
                    errors.Forbidden(at.Child("localhostProfile"), "apparmor profile in annotation and field must match");
            }
        }
    }

    /// <summary>The field that an annotation's value stands for; null when it is no valid profile.</summary>
    public static JsonObject? Profile(string annotation)
    {
        if (annotation == "unconfined") return new() { ["type"] = "Unconfined" };
        if (annotation == "runtime/default") return new() { ["type"] = "RuntimeDefault" };
        if (!annotation.StartsWith("localhost/", StringComparison.Ordinal)) return null;
        var name = annotation["localhost/".Length..];
        return name.Trim().Length == 0 || name != name.Trim() || name.Length > 4095
            ? null
            : new() { ["type"] = "Localhost", ["localhostProfile"] = name };
    }
}
