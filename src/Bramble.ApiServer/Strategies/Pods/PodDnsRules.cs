using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>DNS configuration and host aliases of a pod.</summary>
internal static class PodDnsRules
{
    public static void Validate(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        var config = spec.Object("dnsConfig");
        if (spec.Text("dnsPolicy") == "None")
        {
            if (config is null)
            {
                errors.Required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
                return;
            }

            if (config.Count("nameservers") == 0)
            {
                errors.Required(path.Child("nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None");
                return;
            }
        }

        if (config is null) return;
        if (config.Count("nameservers") > 3) errors.Invalid(path.Child("nameservers"), config["nameservers"], "must not have more than 3 nameservers");
        var index = 0;
        foreach (var server in config.Texts("nameservers")) IpRules.LegacyIp(errors, path.Child("nameservers").Index(index++), server);
        if (config.Count("searches") > 32) errors.Invalid(path.Child("searches"), config["searches"], "must not have more than 32 search paths");
        if (string.Join(' ', config.Texts("searches")).Length > 2048)
            errors.Invalid(path.Child("searches"), config["searches"], "must not have more than 2048 characters (including spaces) in the search list");
        index = 0;
        foreach (var search in config.Texts("searches"))
        {
            var at = path.Child("searches").Index(index++);
            var name = search.EndsWith('.') ? search[..^1] : search;
            if (search != ".") errors.InvalidEach(at, name, Formats.DnsSubdomainWithUnderscore(name));
        }

        foreach (var (position, option) in config.Items("options"))
            if (option.Text("name").Length == 0) errors.Required(path.Child("options").Index(position), "must not be empty");
    }

    public static void HostAliases(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        foreach (var (index, alias) in spec.Items("hostAliases"))
        {
            IpRules.LegacyIp(errors, path.Index(index).Child("ip"), alias.Text("ip"));
            var position = 0;
            foreach (var hostname in alias.Texts("hostnames")) errors.InvalidEach(path.Index(index).Child("hostnames").Index(position++), hostname, Formats.DnsSubdomain(hostname));
        }
    }
}
