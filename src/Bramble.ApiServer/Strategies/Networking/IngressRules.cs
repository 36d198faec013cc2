using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of Ingresses and IngressClasses.</summary>
internal static class IngressRules
{
    private static readonly string[] Sequences = ["//", "/./", "/../", "%2f", "%2F"];
    private static readonly string[] Suffixes = ["/..", "/."];

    public static void Validate(JsonObject ingress, JsonObject? old, FieldErrors errors)
    {
        var (spec, path) = (ingress.Object("spec") ?? [], FieldPath.Spec);
        if (spec.Count("rules") == 0 && !spec.Has("defaultBackend")) errors.Invalid(path, spec["rules"]?.DeepClone(), "either `defaultBackend` or `rules` must be specified");
        if (spec.Object("defaultBackend") is { } backend) Backend(backend, path.Child("defaultBackend"), errors);
        foreach (var (index, rule) in spec.Items("rules")) Rule(rule, path.Child("rules").Index(index), errors);
        foreach (var (index, tls) in spec.Items("tls"))
        {
            var (at, position) = (path.Child("tls").Index(index), 0);
            foreach (var host in tls.Texts("hosts")) Host(host, at.Child("hosts").Index(position++), errors);
            if (tls.Text("secretName") is { Length: > 0 } secret) errors.InvalidEach(at.Child("secretName"), secret, Formats.DnsSubdomain(secret));
        }

        if (spec.TextOrNull("ingressClassName") is not { } @class) return;
        errors.InvalidEach(path.Child("ingressClassName"), @class, Formats.DnsSubdomain(@class));
        const string annotation = "kubernetes.io/ingress.class";
        if (old is null && ingress.Annotations().TextOrNull(annotation) is { } other && other != @class)
            errors.Invalid(FieldPath.Of("annotations").Child(annotation), other, "must match `ingressClassName` when both are specified");
    }

    private static void Host(string host, FieldPath path, FieldErrors errors) =>
        errors.InvalidEach(path, host, host.Contains('*') ? Formats.WildcardSubdomain(host) : Formats.DnsSubdomain(host));

    private static void Rule(JsonObject rule, FieldPath path, FieldErrors errors)
    {
        if (rule.Text("host") is { Length: > 0 } host)
        {
            if (IpText.Parse(host) is not null) errors.Invalid(path.Child("host"), host, "must be a DNS name, not an IP address");
            Host(host, path.Child("host"), errors);
        }

        if (rule.Object("http") is not { } http) return;
        var at = path.Child("http", "paths");
        if (http.Count("paths") == 0) errors.Required(at);
        foreach (var (index, item) in http.Items("paths")) HttpPath(item, at.Index(index), errors);
    }

    private static void HttpPath(JsonObject item, FieldPath path, FieldErrors errors)
    {
        var (target, at) = (item.Text("path"), path.Child("path"));
        switch (item.TextOrNull("pathType"))
        {
            case null:
                errors.Required(path.Child("pathType"), "pathType must be specified");
                return;
            case "Exact" or "Prefix":
                if (!target.StartsWith('/')) errors.Invalid(at, target, "must be an absolute path");
                foreach (var sequence in Sequences)
                    if (target.Contains(sequence, StringComparison.Ordinal)) errors.Invalid(at, target, $"must not contain '{sequence}'");
                foreach (var suffix in Suffixes)
                    if (target.EndsWith(suffix, StringComparison.Ordinal)) errors.Invalid(at, target, $"cannot end with '{suffix}'");
                break;
            case "ImplementationSpecific":
                if (target.Length > 0 && target[0] != '/') errors.Invalid(at, target, "must be an absolute path");
                break;
            case { } other:
                errors.NotSupported(path.Child("pathType"), other, ["Exact", "ImplementationSpecific", "Prefix"]);
                break;
        }

        Backend(item.Object("backend") ?? [], path.Child("backend"), errors);
    }

    private static void Backend(JsonObject backend, FieldPath path, FieldErrors errors)
    {
        var (resource, service) = (backend.Object("resource"), backend.Object("service"));
        if (resource is not null && service is not null)
        {
            errors.Invalid(path, "", "cannot set both resource and service backends");
            return;
        }

        if (resource is not null)
        {
            Reference(resource, path.Child("resource"), errors);
            return;
        }

        if (service is null)
        {
            errors.Invalid(path, "", "resource or service backend is required");
            return;
        }

        if (service.Text("name") is { Length: > 0 } name) errors.InvalidEach(path.Child("service", "name"), name, Formats.DnsLabel(name));
        else errors.Required(path.Child("service", "name"));
        var (portName, number) = (service.Text("port", "name"), service.Object("port").Long("number"));
        var at = path.Child("service", "port");
        if (portName.Length > 0 && number != 0) errors.Invalid(path, "", "cannot set both port name & port number");
        else if (portName.Length > 0) errors.InvalidEach(at.Child("name"), portName, Formats.PortName(portName));
        else if (number != 0) errors.InvalidEach(at.Child("number"), number, Formats.PortNumber(number));
        else errors.Required(path, "port name or number is required");
    }

    private static void Reference(JsonObject reference, FieldPath path, FieldErrors errors)
    {
        if (reference.TextOrNull("apiGroup") is { } group) errors.InvalidEach(path.Child("apiGroup"), group, Formats.DnsSubdomain(group));
        foreach (var field in (ReadOnlySpan<string>)["kind", "name"])
        {
            if (reference.Text(field) is { Length: > 0 } value) errors.InvalidEach(path.Child(field), value, Names.PathSegment(value));
            else errors.Required(path.Child(field));
        }
    }

    public static void ValidateStatus(JsonObject ingress, JsonObject old, FieldErrors errors)
    {
        var known = new List<string>();
        foreach (var (_, item) in old.Object("status").Object("loadBalancer").Items("ingress")) known.Add(item.Text("ip"));
        foreach (var (index, item) in ingress.Object("status").Object("loadBalancer").Items("ingress"))
        {
            var at = FieldPath.Status.Child("loadBalancer", "ingress").Index(index);
            if (item.Text("ip") is { Length: > 0 } ip) IpRules.LegacyIp(errors, at.Child("ip"), ip, known);
            LoadBalancerStatusRules.ValidateHostname(item, at, errors);
        }
    }

    public static void ValidateClass(JsonObject @class, FieldErrors errors)
    {
        var (spec, path) = (@class.Object("spec") ?? [], FieldPath.Spec);
        var controller = spec.Text("controller");
        if (controller.Length > 250) errors.TooLong(path.Child("controller"), 250);
        DomainRules.PrefixedPath(controller, path.Child("controller"), errors);
        if (spec.Object("parameters") is not { } parameters) return;
        var at = path.Child("parameters");
        Reference(parameters, at, errors);
        var ns = parameters.TextOrNull("namespace");
        switch (parameters.TextOrNull("scope"))
        {
            case null:
                errors.Required(at.Child("scope"));
                break;
            case "Namespace":
                if (ns is null) errors.Required(at.Child("namespace"), "`parameters.scope` is set to 'Namespace'");
                else errors.InvalidEach(at.Child("namespace"), ns, Formats.DnsLabel(ns));
                break;
            case "Cluster":
                if (ns is not null) errors.Forbidden(at.Child("namespace"), "`parameters.scope` is set to 'Cluster'");
                break;
            case { } other:
                errors.NotSupported(at.Child("scope"), other, ["Cluster", "Namespace"]);
                break;
        }
    }
}
