using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>The seccomp annotations of a pod and of its containers. They do nothing any more, but must be well-formed and agree with the fields that replaced them.</summary>
internal static class SeccompAnnotations
{
    public const string Pod = "seccomp.security.alpha.kubernetes.io/pod";
    public const string ContainerPrefix = "container.seccomp.security.alpha.kubernetes.io/";
    private const string Local = "localhost/";

    public static void Validate(JsonObject annotations, FieldPath path, FieldErrors errors)
    {
        if (annotations.TextOrNull(Pod) is { } profile) Profile(profile, path.Child(Pod), errors);
        foreach (var (key, value) in annotations.AllTexts())
            if (key.StartsWith(ContainerPrefix, StringComparison.Ordinal)) Profile(value, path.Child(key), errors);
    }

    private static void Profile(string profile, FieldPath path, FieldErrors errors)
    {
        if (profile is "runtime/default" or "docker/default" or "unconfined") return;
        if (profile.StartsWith(Local, StringComparison.Ordinal)) PathRules.LocalDescending(profile[Local.Length..], path, errors);
        else errors.Invalid(path, profile, "must be a valid seccomp profile");
    }

    public static void AgreeWithFields(JsonObject annotations, JsonObject spec, FieldPath path, FieldErrors errors)
    {
        const string field = "seccompProfile";
        Agree(annotations.TextOrNull(Pod), spec.Object("securityContext").Object(field), path.Child("securityContext", field), errors);
        foreach (var list in PodDefaults.ContainerLists)
            foreach (var (index, container) in spec.Items(list))
                Agree(
                    annotations.TextOrNull(ContainerPrefix + container.Text("name")),
                    container.Object("securityContext").Object(field),
                    path.Child(list).Index(index).Child("securityContext", field),
                    errors);
    }

    private static void Agree(string? annotation, JsonObject? profile, FieldPath path, FieldErrors errors)
    {
        if (annotation is null || profile is null) return;
        var isSameType = profile.Text("type") switch
        {
            "Unconfined" => annotation == "unconfined",
            "RuntimeDefault" => annotation is "runtime/default" or "docker/default",
            "Localhost" => annotation.StartsWith(Local, StringComparison.Ordinal),
            _ => true,
        };
        if (!isSameType) errors.Forbidden(path.Child("type"), "seccomp type in annotation and field must match");
        else if (profile.Text("type") == "Localhost" && profile.TextOrNull("localhostProfile") != annotation[Local.Length..])
            errors.Forbidden(path.Child("localhostProfile"), "seccomp profile in annotation and field must match");
    }
}
