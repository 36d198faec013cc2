using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>The containers of a pod: regular, init and ephemeral ones.</summary>
internal static class ContainerRules
{
    private static readonly string[] RestartPolicies = ["Always", "Never", "OnFailure"];

    public static void Validate(PodScope scope, FieldPath specPath)
    {
        Regular(scope, specPath.Child("containers"));
        Init(scope, specPath.Child("initContainers"));
        Ephemeral(scope, specPath.Child("ephemeralContainers"));
    }

    private static void Regular(PodScope scope, FieldPath path)
    {
        var errors = scope.Errors;
        if (scope.Spec.Count("containers") == 0)
        {
            errors.Required(path);
            return;
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, container) in scope.Spec.Items("containers"))
        {
            var at = path.Index(index);
            Common(container, at, scope);
            if (!names.Add(container.Text("name"))) errors.Duplicate(at.Child("name"), container.Text("name"));
            ProbeRules.ValidateAll(container, at, scope);
            RestartPolicy(container, at, errors);
        }

        var ports = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, container) in scope.Spec.Items("containers")) HostPorts(container, path.Index(index), ports, errors);
    }

    private static void Init(PodScope scope, FieldPath path)
    {
        var errors = scope.Errors;
        var names = NamesOf(scope.Spec, "containers");
        foreach (var (index, container) in scope.Spec.Items("initContainers"))
        {
            var (at, name) = (path.Index(index), container.Text("name"));
            Common(container, at, scope);
            RestartPolicy(container, at, errors);
            if (names.Contains(name)) errors.Duplicate(at.Child("name"), name);
            else if (name.Length > 0) names.Add(name);
            // Upstream looks at each init container alone and so shows index 0.
            HostPorts(container, path.Index(0), [], errors);
            var isSidecar = container.Text("restartPolicy") == "Always";
            if (isSidecar)
            {
                ProbeRules.ValidateAll(container, at, scope);
                continue;
            }

            foreach (var field in (ReadOnlySpan<string>)["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"])
                if (container.Has(field)) errors.Forbidden(at.Child(field), "may not be set for init containers without restartPolicy=Always");
            foreach (var (position, policy) in container.Items("resizePolicy"))
                if (policy.Text("restartPolicy") == "RestartContainer")
                    errors.Invalid(at.Child("resizePolicy").Index(position).Child("restartPolicy"), "RestartContainer", "must not be set to 'RestartContainer' for non-sidecar initContainers");
        }
    }

    private static void Ephemeral(PodScope scope, FieldPath path)
    {
        if (scope.Spec.Count("ephemeralContainers") == 0) return;
        const string why = "cannot be set for an Ephemeral Container";
        var errors = scope.Errors;
        var others = NamesOf(scope.Spec, "containers");
        others.UnionWith(NamesOf(scope.Spec, "initContainers"));
        var names = new HashSet<string>(others, StringComparer.Ordinal);
        foreach (var (index, container) in scope.Spec.Items("ephemeralContainers"))
        {
            var (at, name, target) = (path.Index(index), container.Text("name"), container.Text("targetContainerName"));
            Common(container, at, scope);
            ImageHasNoSpace(container, at, errors);
            if (!names.Add(name)) errors.Duplicate(at.Child("name"), name);
            if (target.Length > 0 && !others.Contains(target)) errors.NotFound(at.Child("targetContainerName"), target);
            foreach (var field in (ReadOnlySpan<string>)["ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"])
                if (container.Count(field) > 0 || (container.Has(field) && field is not ("resources" or "ports" or "resizePolicy" or "restartPolicyRules"))) errors.Forbidden(at.Child(field), why);
            foreach (var (position, mount) in container.Items("volumeMounts"))
                foreach (var field in (ReadOnlySpan<string>)["subPath", "subPathExpr"])
                    if (mount.Text(field).Length > 0) errors.Forbidden(at.Child("volumeMounts").Index(position).Child(field), why);
        }
    }

    private static void Common(JsonObject container, FieldPath path, PodScope scope)
    {
        var errors = scope.Errors;
        if (container.Text("name") is not { Length: > 0 } name) errors.Required(path.Child("name"));
        else if (Formats.DnsLabel(name) is { Count: > 0 } complaints) errors.InvalidEach(path.Child("name"), name, complaints);
        if (container.Text("image").Length == 0) errors.Required(path.Child("image"));
        EnumRules.Required(container, "terminationMessagePolicy", path, errors, "File", "FallbackToLogsOnError");
        Ports(container, path.Child("ports"), errors);
        EnvRules.Validate(container, path, errors);
        MountRules.Validate(container, path, scope);
        EnumRules.Required(container, "imagePullPolicy", path, errors, "Always", "IfNotPresent", "Never");
        ResourceRules.ContainerRequirements(container.Object("resources"), scope.ClaimNames, path.Child("resources"), errors);
        ResizePolicy(container, path.Child("resizePolicy"), scope);
        SecurityContextRules.Container(container.Object("securityContext"), path.Child("securityContext"), scope);
    }

    private static void Ports(JsonObject container, FieldPath path, FieldErrors errors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, port) in container.Items("ports"))
        {
            var (at, name, number, host) = (path.Index(index), port.Text("name"), port.Long("containerPort"), port.Long("hostPort"));
            if (name.Length > 0)
            {
                if (Formats.PortName(name) is { Count: > 0 } complaints) errors.InvalidEach(at.Child("name"), name, complaints);
                else if (!names.Add(name)) errors.Duplicate(at.Child("name"), name);
            }

            if (number == 0) errors.Required(at.Child("containerPort"));
            else errors.InvalidEach(at.Child("containerPort"), number, Formats.PortNumber(number));
            if (host != 0) errors.InvalidEach(at.Child("hostPort"), host, Formats.PortNumber(host));
            PortRules.Protocol(port.Text("protocol"), at.Child("protocol"), errors);
        }
    }

    private static void HostPorts(JsonObject container, FieldPath path, HashSet<string> used, FieldErrors errors)
    {
        foreach (var (index, port) in container.Items("ports"))
        {
            if (port.Long("hostPort") is not (not 0 and var number)) continue;
            var key = $"{port.Text("protocol")}/{port.Text("hostIP")}/{number}";
            if (!used.Add(key)) errors.Duplicate(path.Child("ports").Index(index).Child("hostPort"), key);
        }
    }

    private static void ResizePolicy(JsonObject container, FieldPath path, PodScope scope)
    {
        var (errors, seen) = (scope.Errors, new HashSet<string>(StringComparer.Ordinal));
        foreach (var (index, policy) in container.Items("resizePolicy"))
        {
            var (resource, restart) = (policy.Text("resourceName"), policy.Text("restartPolicy"));
            if (!seen.Add(resource)) errors.Duplicate(path.Index(index), resource);
            if (resource.Length == 0) errors.Required(path);
            else if (resource is not ("cpu" or "memory")) errors.NotSupported(path, resource, ["cpu", "memory"]);
            if (restart.Length == 0) errors.Required(path);
            else if (restart is not ("NotRequired" or "RestartContainer")) errors.NotSupported(path, restart, ["NotRequired", "RestartContainer"]);
            if (scope.RestartPolicy == "Never" && restart != "NotRequired") errors.Invalid(path, restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
        }
    }

    private static void RestartPolicy(JsonObject container, FieldPath path, FieldErrors errors)
    {
        if (container.TextOrNull("restartPolicy") is not { } policy)
        {
            if (container.Count("restartPolicyRules") == 0) return;
            errors.Required(path.Child("restartPolicy"), "must specify restartPolicy when restart rules are used");
        }
        else if (!RestartPolicies.Contains(policy))
        {
            errors.NotSupported(path.Child("restartPolicy"), policy, RestartPolicies);
        }

        var at = path.Child("restartPolicyRules");
        if (container.Count("restartPolicyRules") > 20) errors.TooMany(at, container.Count("restartPolicyRules"), 20);
        foreach (var (index, rule) in container.Items("restartPolicyRules"))
        {
            if (rule.Text("action") is not ("Restart" or "RestartAllContainers")) errors.NotSupported(at.Index(index).Child("action"), rule.Text("action"), ["Restart", "RestartAllContainers"]);
            if (rule.Object("exitCodes") is not { } codes)
            {
                errors.Required(at.Index(index).Child("exitCodes"), "must be specified");
                continue;
            }

            var codesAt = at.Index(index).Child("exitCodes");
            if (codes.Text("operator") is not ("In" or "NotIn")) errors.NotSupported(codesAt.Child("operator"), codes.Text("operator"), ["In", "NotIn"]);
            if (codes.Count("values") > 255) errors.TooMany(codesAt.Child("values"), codes.Count("values"), 255);
        }
    }

    /// <summary>Templates may have such images from long ago, Pods not.</summary>
    public static void ImageHasNoSpace(JsonObject container, FieldPath path, FieldErrors errors)
    {
        var image = container.Text("image");
        if (image.Length != image.AsSpan().Trim().Length) errors.Invalid(path.Child("image"), image, "must not have leading or trailing whitespace");
    }

    private static HashSet<string> NamesOf(JsonObject spec, string list)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (_, container) in spec.Items(list)) names.Add(container.Text("name"));
        return names;
    }
}
