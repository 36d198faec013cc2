using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of Services (upstream's validateService), in upstream's order.</summary>
internal static class ServiceRules
{
    private const string SourceRanges = "service.beta.kubernetes.io/load-balancer-source-ranges";
    private const string TopologyHints = "service.kubernetes.io/topology-aware-hints";
    private const string TopologyMode = "service.kubernetes.io/topology-mode";
    private static readonly string[] Affinities = ["ClientIP", "None"];
    private static readonly string[] Types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    private static readonly string[] TrafficPolicies = ["Cluster", "Local"];
    private static readonly string[] Distributions = ["PreferClose", "PreferSameZone", "PreferSameNode"];

    public static void Validate(JsonObject service, JsonObject? old, FieldErrors errors)
    {
        var (spec, before, path) = (service.Object("spec") ?? [], old.Object("spec"), FieldPath.Spec);
        var annotations = service.Annotations();
        if (annotations.TextOrNull(TopologyMode) is { } mode && annotations.TextOrNull(TopologyHints) is { } hints && mode != hints)
            errors.Invalid(FieldPath.Metadata.Child("annotations").Key(TopologyMode), mode, $"must match annotations[{TopologyHints}] when both are specified");

        var type = spec.Text("type");
        var isHeadless = spec.Count("clusterIPs") == 1 && spec.Texts("clusterIPs").First() == "None";
        if (spec.Count("ports") == 0 && !isHeadless && type != "ExternalName") errors.Required(path.Child("ports"));
        ValidateType(spec, type, isHeadless, errors);

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, port) in spec.Items("ports")) ValidatePort(port, spec.Count("ports") > 1, names, path.Child("ports").Index(index), errors);
        LabelRules.Validate(spec.Object("selector"), path.Child("selector"), errors);
        ValidateAffinity(spec, path, errors);
        ServiceIpRules.Validate(spec, before, errors);

        var position = 0;
        foreach (var ip in spec.Texts("externalIPs"))
        {
            var at = path.Child("externalIPs").Index(position++);
            if (IpRules.LegacyIp(errors, at, ip, before.Texts("externalIPs"))) IpRules.EndpointIp(errors, at, ip);
        }

        if (type.Length == 0) errors.Required(path.Child("type"));
        else if (!Types.Contains(type)) errors.NotSupported(path.Child("type"), type, Types);
        ValidatePortNumbers(spec, type, errors);
        ValidateLoadBalancer(service, old, spec, before, type, errors);
        ValidateLoadBalancerClass(spec, null, errors);
        ValidateTraffic(spec, type, errors);
    }

    public static void ValidateUpdate(JsonObject service, JsonObject old, FieldErrors errors)
    {
        var (spec, before) = (service.Object("spec") ?? [], old.Object("spec") ?? []);
        ServiceIpRules.ValidateUpdate(spec, before, errors);
        ValidateLoadBalancerClass(spec, before, errors);
        if (ServiceFields.NeedsHealthCheckNodePort(before) && ServiceFields.NeedsHealthCheckNodePort(spec) && spec.Differs(before, "healthCheckNodePort"))
            errors.Forbidden(FieldPath.Spec.Child("healthCheckNodePort"), "field is immutable");
        Validate(service, old, errors);
    }

    private static void ValidateType(JsonObject spec, string type, bool isHeadless, FieldErrors errors)
    {
        var path = FieldPath.Spec;
        if (type is "LoadBalancer" or "NodePort" && isHeadless) errors.Invalid(path.Child("clusterIPs").Index(0), "None", $"may not be set to 'None' for {type} services");
        if (type != "ExternalName") return;
        const string why = "may not be set for ExternalName services";
        if (spec.Count("clusterIPs") > 0) errors.Forbidden(path.Child("clusterIPs"), why);
        if (spec.Count("ipFamilies") > 0) errors.Forbidden(path.Child("ipFamilies"), why);
        if (spec.Has("ipFamilyPolicy")) errors.Forbidden(path.Child("ipFamilyPolicy"), why);
        var name = spec.Text("externalName");
        if (name.EndsWith('.')) name = name[..^1];
        if (name.Length > 0) errors.InvalidEach(path.Child("externalName"), name, Formats.DnsSubdomain(name));
        else errors.Required(path.Child("externalName"));
    }

    private static void ValidatePort(JsonObject port, bool requiresName, HashSet<string> names, FieldPath path, FieldErrors errors)
    {
        var name = port.Text("name");
        if (requiresName && name.Length == 0)
        {
            errors.Required(path.Child("name"));
        }
        else if (name.Length > 0)
        {
            errors.InvalidEach(path.Child("name"), name, Formats.DnsLabel(name));
            if (!names.Add(name)) errors.Duplicate(path.Child("name"), name);
        }

        errors.InvalidEach(path.Child("port"), port.Long("port"), Formats.PortNumber(port.Long("port")));
        PortRules.Protocol(port.Text("protocol"), path.Child("protocol"), errors);
        PortRules.NumberOrName(port["targetPort"], path.Child("targetPort"), errors);
        if (port.TextOrNull("appProtocol") is { } protocol) errors.InvalidEach(path.Child("appProtocol"), protocol, Formats.LabelKey(protocol));
    }

    private static void ValidateAffinity(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        var affinity = spec.Text("sessionAffinity");
        if (affinity.Length == 0) errors.Required(path.Child("sessionAffinity"));
        else if (!Affinities.Contains(affinity)) errors.NotSupported(path.Child("sessionAffinity"), affinity, Affinities);
        var at = path.Child("sessionAffinityConfig");
        if (affinity == "None" && spec.Has("sessionAffinityConfig")) errors.Forbidden(at, "must not be set when session affinity is None");
        if (affinity != "ClientIP") return;
        const string when = "when session affinity type is ClientIP";
        if (spec.Object("sessionAffinityConfig") is not { } config) errors.Required(at, when);
        else if (config.Object("clientIP") is not { } client) errors.Required(at.Child("clientIP"), when);
        else if (client.LongOrNull("timeoutSeconds") is not { } seconds) errors.Required(at.Child("clientIP", "timeoutSeconds"), when);
        else if (seconds is <= 0 or > 86400) errors.Invalid(at.Child("clientIP", "timeoutSeconds"), seconds, "must be greater than 0 and less than 86400");
    }

    private static void ValidatePortNumbers(JsonObject spec, string type, FieldErrors errors)
    {
        var path = FieldPath.Spec.Child("ports");
        if (type == "ClusterIP")
            foreach (var (index, port) in spec.Items("ports"))
                if (port.Long("nodePort") != 0) errors.Forbidden(path.Index(index).Child("nodePort"), "may not be used when `type` is 'ClusterIP'");
        var nodePorts = new HashSet<(string, long)>();
        foreach (var (index, port) in spec.Items("ports"))
        {
            var number = port.Long("nodePort");
            if (number != 0 && !nodePorts.Add((port.Text("protocol"), number))) errors.Duplicate(path.Index(index).Child("nodePort"), number);
        }

        var ports = new HashSet<(string, long)>();
        foreach (var (index, port) in spec.Items("ports"))
        {
            var (protocol, number) = (port.Text("protocol"), port.Long("port"));
            if (ports.Add((protocol, number))) continue;
            // Upstream shows the key it looked up: a port with nothing but protocol and number.
            errors.Duplicate(path.Index(index), new JsonObject { ["Name"] = "", ["Protocol"] = protocol, ["AppProtocol"] = null, ["Port"] = number, ["TargetPort"] = 0, ["NodePort"] = 0 });
        }
    }

    private static void ValidateLoadBalancer(JsonObject service, JsonObject? old, JsonObject spec, JsonObject? before, string type, FieldErrors errors)
    {
        const string only = "may only be used when `type` is 'LoadBalancer'";
        if (spec.Count("loadBalancerSourceRanges") > 0)
        {
            var path = FieldPath.Spec.Child("LoadBalancerSourceRanges");
            if (type != "LoadBalancer") errors.Forbidden(path, only);
            var known = before.Texts("loadBalancerSourceRanges").Select(range => range.Trim());
            var index = 0;
            foreach (var range in spec.Texts("loadBalancerSourceRanges")) IpRules.LegacyCidr(errors, path.Index(index++), range.Trim(), known);
        }
        else if (service.Annotations().TextOrNull(SourceRanges) is { } ranges)
        {
            var path = FieldPath.Metadata.Child("annotations").Key(SourceRanges);
            if (type != "LoadBalancer") errors.Forbidden(path, only);
            if (old.Annotations().TextOrNull(SourceRanges) != ranges && ranges.Trim().Length > 0)
                foreach (var range in ranges.Trim().Split(',')) IpRules.LegacyCidr(errors, path, range.Trim());
        }

        if (spec.Has("allocateLoadBalancerNodePorts") && type != "LoadBalancer") errors.Forbidden(FieldPath.Spec.Child("allocateLoadBalancerNodePorts"), only);
        if (type == "LoadBalancer" && !spec.Has("allocateLoadBalancerNodePorts")) errors.Required("allocateLoadBalancerNodePorts");
    }

    private static void ValidateLoadBalancerClass(JsonObject spec, JsonObject? before, FieldErrors errors)
    {
        var path = FieldPath.Spec.Child("loadBalancerClass");
        var @class = spec.TextOrNull("loadBalancerClass");
        if (spec.Text("type") == "LoadBalancer")
        {
            if (before?.Text("type") == "LoadBalancer" && @class != before.TextOrNull("loadBalancerClass")) errors.Invalid(path, spec["loadBalancerClass"], "may not change once set");
            if (@class is not null) errors.InvalidEach(path, @class, Formats.LabelKey(@class));
        }
        else if (@class is not null)
        {
            errors.Forbidden(path, "may only be used when `type` is 'LoadBalancer'");
        }
    }

    private static void ValidateTraffic(JsonObject spec, string type, FieldErrors errors)
    {
        var path = FieldPath.Spec;
        var policy = spec.Text("externalTrafficPolicy");
        if (!ServiceFields.IsExternallyAccessible(spec))
        {
            if (policy.Length > 0) errors.Invalid(path.Child("externalTrafficPolicy"), policy, "may only be set for externally-accessible services");
        }
        else if (policy.Length == 0)
        {
            errors.Required(path.Child("externalTrafficPolicy"));
        }
        else if (!TrafficPolicies.Contains(policy))
        {
            errors.NotSupported(path.Child("externalTrafficPolicy"), policy, TrafficPolicies);
        }

        // 0 where one is needed is filled in by the allocation that follows.
        var check = spec.Long("healthCheckNodePort");
        if (!ServiceFields.NeedsHealthCheckNodePort(spec))
        {
            if (check != 0) errors.Invalid(path.Child("healthCheckNodePort"), check, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
        }
        else if (check != 0)
        {
            errors.InvalidEach(path.Child("healthCheckNodePort"), check, Formats.PortNumber(check));
        }

        if (spec.TextOrNull("internalTrafficPolicy") is not { } inside)
        {
            if (type is "NodePort" or "LoadBalancer" or "ClusterIP") errors.Required(path.Child("internalTrafficPolicy"));
        }
        else if (!TrafficPolicies.Contains(inside))
        {
            errors.NotSupported(path.Child("internalTrafficPolicy"), inside, TrafficPolicies);
        }

        if (spec.TextOrNull("trafficDistribution") is { } distribution && !Distributions.Contains(distribution))
            errors.NotSupported(path.Child("trafficDistribution"), distribution, Distributions);
    }

    public static IEnumerable<string> Warnings(JsonObject service)
    {
        var spec = service.Object("spec") ?? [];
        var isHeadless = spec.Text("type") == "ClusterIP" && spec.Text("clusterIP") == "None";
        var path = FieldPath.Spec;
        if (service.Annotations().Has(TopologyHints)) yield return $"annotation {TopologyHints} is deprecated, please use {TopologyMode} instead";
        if (!isHeadless)
        {
            var index = 0;
            foreach (var ip in spec.Texts("clusterIPs"))
                if (IpRules.Warning(path.Child("clusterIPs").Index(index++), ip) is { } warning) yield return warning;
        }
        else
        {
            if (spec.Text("loadBalancerIP").Length > 0) yield return "spec.loadBalancerIP is ignored for headless services";
            if (spec.Count("externalIPs") > 0) yield return "spec.externalIPs is ignored for headless services";
            if (spec.Text("sessionAffinity") != "None") yield return "spec.SessionAffinity is ignored for headless services";
        }

        var position = 0;
        foreach (var ip in spec.Texts("externalIPs"))
            if (IpRules.Warning(path.Child("externalIPs").Index(position++), ip) is { } warning) yield return warning;
        if (spec.Count("externalIPs") > 0 && !isHeadless && spec.Text("type") != "ExternalName")
            yield return "spec.externalIPs is deprecated and may no longer be implemented in some clusters";
        if (spec.Text("loadBalancerIP") is { Length: > 0 } balancer && IpRules.Warning(path.Child("loadBalancerIP"), balancer) is { } odd) yield return odd;
        position = 0;
        foreach (var range in spec.Texts("loadBalancerSourceRanges"))
            foreach (var warning in IpRules.CidrWarnings(path.Child("loadBalancerSourceRanges").Index(position++), range)) yield return warning;
        if (spec.Text("type") == "ExternalName" && spec.Count("externalIPs") > 0) yield return "spec.externalIPs is ignored when spec.type is \"ExternalName\"";
        if (spec.Text("type") != "ExternalName" && spec.Text("externalName").Length > 0) yield return "spec.externalName is ignored when spec.type is not \"ExternalName\"";
        if (spec.Text("trafficDistribution") == "PreferClose") yield return "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"";
    }
}
