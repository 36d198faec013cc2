using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Client.GatewayApi;
using Bramble.Network.Ingress.Routing;

namespace Bramble.Network.Ingress.Gateways;

/// <summary>Matches, filters and timeouts of an HTTPRoute's rule as the proxy's own. Pure.</summary>
internal static partial class RouteRules
{
    /// <exception cref="FormatException">Something in it that the proxy does not do; the message is for the route's status.</exception>
    public static (PathMatch Path, string? Method, IReadOnlyList<ValueCondition> Headers, IReadOnlyList<ValueCondition> Query) Match(JsonObject match)
    {
        var value = Fields.Text(match["path"]?["value"]) ?? "/";
        var path = Fields.Text(match["path"]?["type"]) switch
        {
            "Exact" => new PathMatch(PathKind.Exact, value),
            "RegularExpression" => Compiled(() => new PathMatch(PathKind.Regex, value), value),
            _ => new PathMatch(PathKind.Prefix, value),
        };
        return (path, Fields.Text(match["method"]), Values(match["headers"]), Values(match["queryParams"]));
    }

    /// <summary>What the filters make of a rule: another answer, or changes on the way.</summary>
    /// <exception cref="FormatException">A filter that the proxy does not have; the message is for the route's status.</exception>
    public static (RouteAction.Redirect? Redirect, RequestChanges Changes) Filters(IReadOnlyList<JsonObject> filters)
    {
        RouteAction.Redirect? redirect = null;
        var changes = RequestChanges.None;
        foreach (var filter in filters)
            switch (Fields.Text(filter["type"]))
            {
                case "RequestHeaderModifier":
                    changes = changes with { Request = Headers(filter["requestHeaderModifier"]) };
                    break;
                case "ResponseHeaderModifier":
                    changes = changes with { Response = Headers(filter["responseHeaderModifier"]) };
                    break;
                case "URLRewrite":
                    changes = changes with { Host = Fields.Text(filter["urlRewrite"]?["hostname"]), Path = Path(filter["urlRewrite"]?["path"]) };
                    break;
                case "RequestRedirect":
                    var wanted = filter["requestRedirect"];
                    redirect = new RouteAction.Redirect(Fields.Number(wanted?["statusCode"]) ?? 302)
                    {
                        Scheme = Fields.Text(wanted?["scheme"]),
                        Host = Fields.Text(wanted?["hostname"]),
                        Port = Fields.Number(wanted?["port"]),
                        Path = Path(wanted?["path"]),
                    };
                    break;
                case var other:
                    throw new FormatException($"filter {other} is not supported");
            }
        return (redirect, changes);
    }

    /// <summary>GEP-2257: hours, minutes, seconds and milliseconds, up to four of them; 0 is no limit.</summary>
    public static TimeSpan? Timeout(string? duration)
    {
        if (duration is null) return null;
        var sum = TimeSpan.Zero;
        foreach (Match part in DurationPart().Matches(duration))
        {
            var number = int.Parse(part.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture);
            sum += part.Groups[2].Value switch { "h" => TimeSpan.FromHours(number), "m" => TimeSpan.FromMinutes(number), "s" => TimeSpan.FromSeconds(number), _ => TimeSpan.FromMilliseconds(number) };
        }
        return sum > TimeSpan.Zero ? sum : null;
    }

    private static List<ValueCondition> Values(JsonNode? list) =>
        [.. Fields.Objects(list).Select(m => (Name: Fields.Text(m["name"]) ?? "", Value: Fields.Text(m["value"]) ?? "", IsRegex: Fields.Text(m["type"]) == "RegularExpression"))
            .Select(m => new ValueCondition(m.Name, m.Value, m.IsRegex ? Compiled(() => PathMatch.Compile(m.Value), m.Value) : null))];

    private static HeaderChanges Headers(JsonNode? modifier) => new(Pairs(modifier?["set"]), Pairs(modifier?["add"]),
        modifier?["remove"] is JsonArray names ? [.. names.Select(Fields.Text).OfType<string>()] : []);

    private static List<KeyValuePair<string, string>> Pairs(JsonNode? list) =>
        [.. Fields.Objects(list).Select(h => new KeyValuePair<string, string>(Fields.Text(h["name"]) ?? "", Fields.Text(h["value"]) ?? ""))];

    private static PathChange? Path(JsonNode? path) => Fields.Text(path?["type"]) switch
    {
        "ReplaceFullPath" => new PathChange(Fields.Text(path!["replaceFullPath"]) ?? "/", IsPrefix: false),
        "ReplacePrefixMatch" => new PathChange(Fields.Text(path!["replacePrefixMatch"]) ?? "/", IsPrefix: true),
        _ => null,
    };

    private static T Compiled<T>(Func<T> compile, string expression)
    {
        try
        {
            return compile();
        }
        catch (ArgumentException wrong)
        {
            throw new FormatException($"\"{expression}\" is no regular expression: {wrong.Message}");
        }
    }

    [GeneratedRegex("([0-9]{1,5})(ms|h|m|s)")]
    private static partial Regex DurationPart();
}
