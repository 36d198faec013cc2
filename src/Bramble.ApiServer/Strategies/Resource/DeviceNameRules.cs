using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Names in resource.k8s.io: of drivers, pools, requests, attributes and shares. Behaviour of pkg/apis/resource/validation.</summary>
internal static partial class DeviceNameRules
{
    private const int IdBytesMax = 32;

    /// <summary>Longer keys are shown with their middle left out: a domain, a slash, an identifier.</summary>
    private const int ShownKeyMax = 63 + 1 + IdBytesMax;

    /// <summary>Drivers are named as CSI drivers are.</summary>
    public static void Driver(string name, FieldPath path, FieldErrors errors) => VolumeSourceRules.CsiDriverName(name, path, errors);

    /// <summary>Requests, devices, counters.</summary>
    public static void Label(string name, FieldPath path, FieldErrors errors) => errors.InvalidEach(path, name, Formats.DnsLabel(name));

    public static void Pool(string name, FieldPath path, FieldErrors errors)
    {
        if (name.Length == 0)
        {
            errors.Required(path);
            return;
        }

        if (Encoding.UTF8.GetByteCount(name) > 253) errors.TooLong(path, 253);
        foreach (var part in name.Split('/')) errors.InvalidEach(path, part, Formats.DnsSubdomain(part));
    }

    /// <summary>An identifier, behind a domain or not. More than one slash is not complained about, as upstream does not.</summary>
    public static void Qualified(string name, FieldPath path, FieldErrors errors)
    {
        var parts = name.Split('/');
        if (parts.Length == 1) Identifier(name, path, errors);
        if (parts.Length != 2) return;
        if (parts[0].Length == 0) errors.Invalid(path, "", "the domain must not be empty");
        else Driver(parts[0], path, errors);
        if (parts[1].Length == 0) errors.Invalid(path, "", "the name must not be empty");
        else Identifier(parts[1], path, errors);
    }

    public static void FullyQualified(string name, FieldPath path, FieldErrors errors)
    {
        Qualified(name, path, errors);
        if (!name.Contains('/')) errors.Invalid(path, name, "a fully qualified name must be a domain and a name separated by a slash");
    }

    private static void Identifier(string id, FieldPath path, FieldErrors errors)
    {
        if (Encoding.UTF8.GetByteCount(id) > IdBytesMax) errors.TooLong(path, IdBytesMax);
        errors.InvalidEach(path, id, Formats.CIdentifier(id));
    }

    /// <summary>The key of a map in a path.</summary>
    public static string Shown(string key, int max = ShownKeyMax)
    {
        if (key.Length <= max) return key;
        var remaining = max - 3;
        return $"{key[..((remaining + 1) / 2)]}...{key[^(remaining / 2)..]}";
    }

    /// <summary>The uid of a device's share: an RFC 4122 UUID in its normal form.</summary>
    public static void ShareId(JsonObject result, FieldPath path, FieldErrors errors)
    {
        if (result.TextOrNull("shareID") is not { } uid) return;
        var at = path.Child("shareID");
        if (UuidError(uid) is { } why) errors.Invalid(at, uid, $"error validating uid: {why}");
        else if (uid.Length != 36 || uid != uid.ToLowerInvariant())
            errors.Invalid(at, uid, "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters");
    }

    /// <summary>The words of the library upstream reads UUIDs with; it also knows braces, a urn and plain hexadecimal.</summary>
    private static string? UuidError(string text)
    {
        switch (text.Length)
        {
            case 36:
                break;
            case 45:
                if (!text.StartsWith("urn:uuid:", StringComparison.OrdinalIgnoreCase)) return $"invalid urn prefix: {FieldError.Quote(text[..9])}";
                text = text[9..];
                break;
            case 38:
                if (text[0] != '{' || text[^1] != '}') return "invalid bracketed UUID format";
                text = text[1..^1];
                break;
            case 32:
                return PlainUuid().IsMatch(text) ? null : "invalid UUID format";
            default:
                return $"invalid UUID length: {text.Length}";
        }

        return Uuid().IsMatch(text) ? null : "invalid UUID format";
    }

    [GeneratedRegex("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
    private static partial Regex Uuid();

    [GeneratedRegex("^[0-9a-fA-F]{32}$")]
    private static partial Regex PlainUuid();
}
