using System.Globalization;
using System.Text.RegularExpressions;
using Bramble.Api.Naming;

namespace Bramble.Api.Cel;

/// <summary>Kubernetes' format library: <c>format.dns1123Label().validate(text)</c> answers what is wrong with a text.</summary>
internal sealed partial record CelNamedFormat(string Name) : ICelLibraryValue
{
    public string LibraryType => "NamedFormat";

    /// <summary>Length of the pattern behind it, for costs.</summary>
    public long PatternSize => Name switch
    {
        "dns1123Label" or "dns1035Label" or "dns1123LabelPrefix" or "dns1035LabelPrefix" => 30,
        "labelValue" => 40,
        "uri" => 1000,
        "uuid" => 69,
        "byte" => 200,
        "date" or "datetime" => 90,
        _ => 60,
    };

    public static bool IsKnown(string name) => CelDeclarations.Find($"format.{name}") is not null && name != "named";

    public IReadOnlyList<string> Validate(string text) => Name switch
    {
        "dns1123Label" => Names.DnsLabel(text),
        "dns1123Subdomain" => Names.DnsSubdomain(text),
        "dns1035Label" => Names.Dns1035Label(text),
        "qualifiedName" => Formats.LabelKey(text),
        "dns1123LabelPrefix" => Names.DnsLabel(text, isPrefix: true),
        "dns1123SubdomainPrefix" => Names.DnsSubdomain(text, isPrefix: true),
        "dns1035LabelPrefix" => Names.Dns1035Label(text, isPrefix: true),
        "labelValue" => Formats.LabelValue(text),
        "uri" => CelUrl.Parse(text) is CelFault { Message: var why } ? [why["URL parse error during conversion from string: ".Length..]] : [],
        "uuid" => Uuid().IsMatch(text) ? [] : ["does not match the UUID format"],
        "byte" => text.Length > 0 && Convert.TryFromBase64String(text, new byte[text.Length], out _) ? [] : ["invalid base64"],
        "date" => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _) ? [] : ["invalid date"],
        _ => CelConversions.ToTimestamp(text) is CelTimestamp ? [] : ["invalid datetime"],
    };

    [GeneratedRegex(@"^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\z")]
    private static partial Regex Uuid();
}
