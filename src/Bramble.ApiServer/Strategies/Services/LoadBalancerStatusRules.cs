using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>The load balancer status of a Service.</summary>
internal static class LoadBalancerStatusRules
{
    private static readonly string[] Modes = ["Proxy", "VIP"];

    public static void Validate(JsonObject service, JsonObject old, FieldErrors errors)
    {
        var balancer = service.Object("status").Object("loadBalancer");
        var path = FieldPath.Status.Child("loadBalancer", "ingress");
        if (service.Text("spec", "type") != "LoadBalancer" && balancer.Count("ingress") > 0)
        {
            errors.Forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'");
            return;
        }

        var known = new List<string>();
        foreach (var (_, ingress) in old.Object("status").Object("loadBalancer").Items("ingress")) known.Add(ingress.Text("ip"));
        foreach (var (index, ingress) in balancer.Items("ingress"))
        {
            var (at, ip, mode) = (path.Index(index), ingress.Text("ip"), ingress.TextOrNull("ipMode"));
            if (ip.Length > 0) IpRules.LegacyIp(errors, at.Child("ip"), ip, known);
            if (mode is null && ip.Length > 0) errors.Required(at.Child("ipMode"), "must be specified when `ip` is set");
            else if (mode is not null && ip.Length == 0) errors.Forbidden(at.Child("ipMode"), "may not be specified when `ip` is not set");
            else if (mode is not null && !Modes.Contains(mode)) errors.NotSupported(at.Child("ipMode"), mode, Modes);
            ValidateHostname(ingress, at, errors);
        }
    }

    public static void ValidateHostname(JsonObject ingress, FieldPath at, FieldErrors errors)
    {
        if (ingress.Text("hostname") is not { Length: > 0 } hostname) return;
        errors.InvalidEach(at.Child("hostname"), hostname, Formats.DnsSubdomain(hostname));
        if (IpText.Parse(hostname) is not null) errors.Invalid(at.Child("hostname"), hostname, "must be a DNS name, not an IP address");
    }

    public static IEnumerable<string> Warnings(JsonObject obj)
    {
        foreach (var ingress in obj.Object("status").Object("loadBalancer").Array("ingress") ?? [])
            if ((ingress as JsonObject).Text("ip") is { Length: > 0 } ip && IpRules.Warning(FieldPath.Status.Child("loadBalancer", "ingress").Index(ingress!.GetElementIndex()), ip) is { } warning)
                yield return warning;
    }
}
