using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of webhook configurations. What was stored before a rule was made stays valid until it is put right.</summary>
internal static class WebhookRules
{
    private static readonly string[] NoSideEffects = ["None", "NoneOnDryRun"];
    private static readonly string[] SideEffects = ["None", "NoneOnDryRun", "Some", "Unknown"];
    private static readonly string[] ReviewVersions = ["v1", "v1beta1"];

    public static void Validate(JsonObject configuration, JsonObject? old, bool isMutating, FieldErrors errors)
    {
        var before = new List<JsonObject>();
        foreach (var (_, webhook) in old.Items("webhooks")) before.Add(webhook);
        var sideEffects = before.TrueForAll(webhook => NoSideEffects.Contains(webhook.Text("sideEffects"))) ? NoSideEffects : SideEffects;
        var needsVersion = before.TrueForAll(webhook => webhook.Count("admissionReviewVersions") == 0 || webhook.Texts("admissionReviewVersions").Any(ReviewVersions.Contains));
        var needsUniqueNames = before.Select(webhook => webhook.Text("name")).Distinct().Count() == before.Count;
        var allowsInvalidValues = before.Exists(HasInvalidSelector);
        var names = new HashSet<string>(StringComparer.Ordinal);
        var keepsConditions = KeepsConditions(configuration, before);
        foreach (var (index, webhook) in configuration.Items("webhooks"))
        {
            var (path, name) = (FieldPath.Of("webhooks").Index(index), webhook.Text("name"));
            DomainRules.FullyQualified(name, path.Child("name"), errors);
            foreach (var (position, rule) in webhook.Items("rules")) AdmissionRuleRules.Rule(rule, path.Child("rules").Index(position), errors);
            EnumRules.Optional(webhook, "failurePolicy", path, errors, "Fail", "Ignore");
            EnumRules.Optional(webhook, "matchPolicy", path, errors, "Equivalent", "Exact");
            if (webhook.TextOrNull("sideEffects") is null) errors.Required(path.Child("sideEffects"), $"must specify one of {string.Join(", ", sideEffects)}");
            else EnumRules.Optional(webhook, "sideEffects", path, errors, sideEffects);
            if (webhook.LongOrNull("timeoutSeconds") is (< 1 or > 30) and var seconds) errors.Invalid(path.Child("timeoutSeconds"), seconds, "the timeout value must be between 1 and 30 seconds");
            foreach (var selector in (ReadOnlySpan<string>)["namespaceSelector", "objectSelector"])
                SelectorRules.Validate(webhook.Object(selector), path.Child(selector), errors, allowsInvalidValues);
            if (isMutating) EnumRules.Optional(webhook, "reinvocationPolicy", path, errors, "IfNeeded", "Never");
            Client(webhook.Object("clientConfig"), path.Child("clientConfig"), errors);
            if (!keepsConditions) AdmissionRuleRules.MatchConditions(webhook, CelEnvironment.ForAdmission(hasParams: false, hasAuthorizer: true, hasVariables: false), path.Child("matchConditions"), errors);
            Versions(webhook, needsVersion, path.Child("admissionReviewVersions"), errors);
            if (needsUniqueNames && name.Length > 0 && !names.Add(name)) errors.Duplicate(path.Child("name"), name);
        }
    }

    /// <summary>Conditions that were stored before are not looked at again.</summary>
    private static bool KeepsConditions(JsonObject configuration, List<JsonObject> before)
    {
        if (before.Count == 0 || configuration.Count("webhooks") != before.Count) return false;
        foreach (var (index, webhook) in configuration.Items("webhooks"))
            if (!JsonNode.DeepEquals(webhook["matchConditions"], before[index]["matchConditions"])) return false;
        return true;
    }

    private static bool HasInvalidSelector(JsonObject webhook)
    {
        var errors = new FieldErrors();
        SelectorRules.Validate(webhook.Object("namespaceSelector"), FieldPath.Spec, errors);
        SelectorRules.Validate(webhook.Object("objectSelector"), FieldPath.Spec, errors);
        return errors.Count > 0;
    }

    private static void Versions(JsonObject webhook, bool needsAccepted, FieldPath path, FieldErrors errors)
    {
        if (webhook.Count("admissionReviewVersions") == 0)
        {
            errors.Required(path, "must specify one of v1, v1beta1");
            return;
        }

        var (seen, index) = (new HashSet<string>(StringComparer.Ordinal), 0);
        foreach (var version in webhook.Texts("admissionReviewVersions"))
        {
            if (seen.Add(version)) errors.InvalidEach(path.Index(index), version, Formats.Dns1035Label(version));
            else errors.Invalid(path.Index(index), version, "duplicate version");
            index++;
        }

        if (needsAccepted && !seen.Overlaps(ReviewVersions)) errors.Invalid(path, webhook["admissionReviewVersions"]!.DeepClone(), "must include at least one of v1, v1beta1");
    }

    private static void Client(JsonObject? client, FieldPath path, FieldErrors errors)
    {
        if (client.Has("url") == client.Has("service")) errors.Required(path, "exactly one of url or service is required");
        else if (client.Has("url")) Url(client.Text("url"), path.Child("url"), errors);
        else Service(client.Object("service") ?? [], path.Child("service"), errors);
    }

    public static void Url(string url, FieldPath path, FieldErrors errors)
    {
        const string form = "; desired format: https://host[/path]";
        var (rest, fragment) = Cut(url, '#');
        (rest, var query) = Cut(rest, '?');
        var colon = rest.IndexOf(':', StringComparison.Ordinal);
        var scheme = colon > 0 && rest[..colon].All(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '-' or '.') ? rest[..colon].ToLowerInvariant() : "";
        if (scheme.Length > 0) rest = rest[(colon + 1)..];
        var authority = rest.StartsWith("//", StringComparison.Ordinal) ? rest[2..].Split('/')[0] : "";
        var at = authority.LastIndexOf('@');
        if (scheme != "https") errors.Invalid(path, scheme, "'https' is the only allowed URL scheme" + form);
        if (authority.Length == at + 1) errors.Invalid(path, "", "host must be specified" + form);
        if (at >= 0) errors.Invalid(path, authority[..at], "user information is not permitted in the URL");
        if (fragment.Length > 0) errors.Invalid(path, fragment, "fragments are not permitted in the URL");
        if (query.Length > 0) errors.Invalid(path, query, "query parameters are not permitted in the URL");
    }

    private static (string Before, string After) Cut(string text, char at) => text.IndexOf(at, StringComparison.Ordinal) is >= 0 and var i ? (text[..i], text[(i + 1)..]) : (text, "");

    public static void Service(JsonObject service, FieldPath path, FieldErrors errors)
    {
        // Upstream passes name and namespace the wrong way round, so each is missed under the other's name.
        if (service.Text("namespace").Length == 0) errors.Required(path.Child("name"));
        if (service.Text("name").Length == 0) errors.Required(path.Child("namespace"));
        if (Formats.PortNumber(service.Long("port")) is { Count: > 0 } wrong) errors.Invalid(path.Child("port"), service.Long("port"), "port is not valid: " + string.Join(", ", wrong));
        var (target, at) = (service.Text("path"), path.Child("path"));
        if (target.Length == 0 || target == "/") return;
        if (target == "//")
        {
            errors.Invalid(at, target, "segment[0] may not be empty");
            return;
        }

        if (target[0] != '/') errors.Invalid(at, target, "must start with a '/'");
        var steps = target[1..];
        if (steps.EndsWith('/')) steps = steps[..^1];
        var index = 0;
        foreach (var step in steps.Split('/'))
        {
            if (step.Length == 0) errors.Invalid(at, target, $"segment[{index}] may not be empty");
            else
                foreach (var complaint in Formats.DnsSubdomain(step)) errors.Invalid(at, target, $"segment[{index}]: {complaint}");
            index++;
        }
    }
}
