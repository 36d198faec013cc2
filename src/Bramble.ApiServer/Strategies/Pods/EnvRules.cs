using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Environment variables of a container.</summary>
internal static class EnvRules
{
    private static readonly (string Name, Action<JsonObject, FieldPath, FieldErrors> Rule)[] Sources =
    [
        ("fieldRef", DownwardRules.EnvFieldRef),
        ("resourceFieldRef", (field, path, errors) => DownwardRules.ResourceFieldRef(field, path, errors, isVolume: false)),
        ("configMapKeyRef", KeyRef),
        ("secretKeyRef", KeyRef),
        ("fileKeyRef", FileKeyRef),
    ];

    public static void Validate(JsonObject container, FieldPath path, FieldErrors errors)
    {
        foreach (var (index, variable) in container.Items("env"))
        {
            var at = path.Child("env").Index(index);
            if (variable.Text("name") is not { Length: > 0 } name) errors.Required(at.Child("name"));
            else if (Formats.RelaxedEnvVarName(name) is { Count: > 0 } complaints) errors.InvalidEach(at.Child("name"), name, complaints);
            if (variable.Object("valueFrom") is { } source) Source(variable, source, at.Child("valueFrom"), errors);
        }

        foreach (var (index, from) in container.Items("envFrom")) From(from, path.Child("envFrom"), index, errors);
    }

    private static void Source(JsonObject variable, JsonObject source, FieldPath path, FieldErrors errors)
    {
        var count = 0;
        foreach (var (name, rule) in Sources)
        {
            if (source.Object(name) is not { } content) continue;
            count++;
            rule(content, path.Child(name), errors);
        }

        if (count == 0) errors.Invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`");
        else if (variable.Text("value").Length > 0) errors.Invalid(path, "", "may not be specified when `value` is not empty");
        else if (count > 1) errors.Invalid(path, "", "may not have more than one field specified at a time");
    }

    private static void KeyRef(JsonObject reference, FieldPath path, FieldErrors errors)
    {
        var (name, key) = (reference.Text("name"), reference.Text("key"));
        errors.InvalidEach(path.Child("name"), name, Formats.DnsSubdomain(name));
        if (key.Length == 0) errors.Required(path.Child("key"));
        else errors.InvalidEach(path.Child("key"), key, Formats.ConfigMapKey(key));
    }

    private static void FileKeyRef(JsonObject reference, FieldPath path, FieldErrors errors)
    {
        var (key, volume, file) = (reference.Text("key"), reference.Text("volumeName"), reference.Text("path"));
        if (key.Length == 0) errors.Required(path.Child("key"));
        else errors.InvalidEach(path.Child("key"), key, Formats.RelaxedEnvVarName(key));
        if (volume.Length == 0) errors.Required(path.Child("volumeName"));
        else errors.InvalidEach(path.Child("volumeName"), volume, Formats.DnsLabel(volume));
        if (file.Length == 0) errors.Required(path.Child("path"));
        else PathRules.NoBacksteps(file, path.Child("path"), errors);
    }

    private static void From(JsonObject from, FieldPath path, int index, FieldErrors errors)
    {
        var at = path.Index(index);
        if (from.Text("prefix") is { Length: > 0 } prefix) errors.InvalidEach(at.Child("prefix"), prefix, Formats.RelaxedEnvVarName(prefix));
        var count = 0;
        foreach (var kind in (ReadOnlySpan<string>)["configMapRef", "secretRef"])
        {
            if (from.Object(kind) is not { } reference) continue;
            count++;
            if (reference.Text("name") is not { Length: > 0 } name) errors.Required(at.Child(kind, "name"));
            else errors.InvalidEach(at.Child(kind, "name"), name, Names.DnsSubdomain(name, isPrefix: true));
        }

        if (count == 0) errors.Invalid(path, "", "must specify one of: `configMapRef` or `secretRef`");
        else if (count > 1) errors.Invalid(path, "", "may not have more than one field specified at a time");
    }
}
