using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of APIServices.</summary>
internal static class ApiServiceRules
{
    public static void Validate(JsonObject service, FieldErrors errors)
    {
        var (spec, path, name) = (service.Object("spec") ?? [], FieldPath.Spec, service.ObjectName());
        var (group, version) = (spec.Text("group"), spec.Text("version"));
        var required = $"{version}.{group}";
        if (name != required && Names.PathSegment(name).Count == 0) errors.Invalid("metadata.name", name, $"must be `spec.version+\".\"+spec.group`: {FieldError.Quote(required)}");
        if (group.Length == 0 && version != "v1") errors.Required(path.Child("group"), "only v1 may have an empty group and it better be legacy kube");
        if (group.Length > 0) errors.InvalidEach(path.Child("group"), group, Formats.DnsSubdomain(group));
        errors.InvalidEach(path.Child("version"), version, Formats.Dns1035Label(version));
        if (spec.Long("groupPriorityMinimum") is (<= 0 or > 20000) and var minimum) errors.Invalid(path.Child("groupPriorityMinimum"), minimum, "must be positive and less than 20000");
        if (spec.Long("versionPriority") is (<= 0 or > 1000) and var priority) errors.Invalid(path.Child("versionPriority"), priority, "must be positive and less than 1000");
        var (bundle, skips) = (spec.Text("caBundle"), spec.Bool("insecureSkipTLSVerify"));
        if (spec.Object("service") is not { } target)
        {
            if (bundle.Length > 0) errors.Invalid(path.Child("caBundle"), $"{Bytes(bundle)} bytes", "local APIServices may not have a caBundle");
            if (skips) errors.Invalid(path.Child("insecureSkipTLSVerify"), true, "local APIServices may not have insecureSkipTLSVerify");
            return;
        }

        var at = path.Child("service");
        if (target.Text("namespace").Length == 0) errors.Required(at.Child("namespace"));
        if (target.Text("name").Length == 0) errors.Required(at.Child("name"));
        if (Formats.PortNumber(target.Long("port")) is { Count: > 0 } wrong) errors.Invalid(at.Child("port"), target.Long("port"), "port is not valid: " + string.Join(", ", wrong));
        if (skips && bundle.Length > 0) errors.Invalid(path.Child("insecureSkipTLSVerify"), true, "may not be true if caBundle is present");
    }

    public static void ValidateStatus(JsonObject service, FieldErrors errors)
    {
        foreach (var (index, condition) in service.Object("status").Items("conditions"))
            if (condition.Text("status") is not ("True" or "False" or "Unknown") and var status)
                errors.NotSupported(FieldPath.Status.Child("conditions").Index(index).Child("status"), status, ["True", "False", "Unknown"]);
    }

    private static int Bytes(string base64) => Convert.TryFromBase64String(base64, new byte[base64.Length], out var count) ? count : base64.Length;
}
