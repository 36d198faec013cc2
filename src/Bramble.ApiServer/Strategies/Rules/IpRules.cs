using System.Net;
using System.Net.Sockets;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Rules and warnings for addresses and networks in API objects (apimachinery util/validation, KEP-4858).</summary>
internal static class IpRules
{
    private const string NotAnAddress = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
    private const string NotANetwork = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

    /// <summary>Fields from before the strict rules: not canonical is allowed, and what the old object had stays allowed.</summary>
    public static bool LegacyIp(FieldErrors errors, FieldPath path, string value, IEnumerable<string>? before = null)
    {
        if (before?.Contains(value) == true) return true;
        var count = errors.Count;
        Parse(errors, path, value);
        return errors.Count == count;
    }

    /// <summary>New fields: canonical only.</summary>
    public static void StrictIp(FieldErrors errors, FieldPath path, string value)
    {
        var count = errors.Count;
        if (Parse(errors, path, value) is not { } address || errors.Count != count) return;
        var canonical = IpText.Canonical(address);
        if (value != canonical) errors.Invalid(path, value, $"must be in canonical form ({FieldError.Quote(canonical)})");
    }

    private static IPAddress? Parse(FieldErrors errors, FieldPath path, string value)
    {
        if (IpText.Parse(value, out var hasLeadingZeros) is not { } address)
        {
            errors.Invalid(path, value, NotAnAddress);
            return null;
        }

        if (hasLeadingZeros) errors.Invalid(path, value, "must not have leading 0s");
        else if (address.IsIPv4MappedToIPv6) errors.Invalid(path, value, "must not be an IPv4-mapped IPv6 address");
        return address;
    }

    public static void LegacyCidr(FieldErrors errors, FieldPath path, string value, IEnumerable<string>? before = null)
    {
        if (before?.Contains(value) != true) ParseCidr(errors, path, value);
    }

    public static void StrictCidr(FieldErrors errors, FieldPath path, string value)
    {
        if (ParseCidr(errors, path, value) is not { } network) return;
        var canonical = $"{IpText.Canonical(network.Address)}/{network.Length}";
        if (value != canonical) errors.Invalid(path, value, $"must be in canonical form ({FieldError.Quote(canonical)})");
    }

    private static (IPAddress Address, int Length)? ParseCidr(FieldErrors errors, FieldPath path, string value)
    {
        if (IpText.ParseCidr(value) is not { } network)
        {
            errors.Invalid(path, value, NotANetwork);
            return null;
        }

        var problem = network.HasLeadingZeros ? "must not have leading 0s in IP or prefix length"
            : network.Address.IsIPv4MappedToIPv6 ? "must not have an IPv4-mapped IPv6 address"
            : !network.Address.Equals(IpText.Masked(network.Address, network.Length)) ? "must not have bits set beyond the prefix length"
            : null;
        if (problem is null) return (network.Address, network.Length);
        errors.Invalid(path, value, problem);
        return null;
    }

    /// <summary>An address of an interface, with the length of its network: <c>192.168.1.5/24</c>.</summary>
    public static void InterfaceAddress(FieldErrors errors, FieldPath path, string value)
    {
        if (IpText.ParseCidr(value) is not { } network)
        {
            errors.Invalid(path, value, "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)");
            return;
        }

        var length = network.Address.IsIPv4MappedToIPv6 && network.Length > 32 ? network.Length - 96 : network.Length;
        var canonical = $"{IpText.Canonical(network.Address)}/{length}";
        if (value != canonical) errors.Invalid(path, value, $"must be in canonical form ({FieldError.Quote(canonical)})");
    }

    /// <summary>An address that traffic may be sent to: not unspecified, loopback, link-local (upstream's ValidateEndpointIP).</summary>
    public static void EndpointIp(FieldErrors errors, FieldPath path, string value)
    {
        if (IpText.Parse(value) is not { } address)
        {
            errors.Invalid(path, value, "must be a valid IP address");
            return;
        }

        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        var bytes = address.GetAddressBytes();
        var isV4 = address.AddressFamily == AddressFamily.InterNetwork;
        if (address.Equals(isV4 ? IPAddress.Any : IPAddress.IPv6Any)) errors.Invalid(path, value, $"may not be unspecified ({value})");
        if (IPAddress.IsLoopback(address)) errors.Invalid(path, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
        if (isV4 ? bytes is [169, 254, ..] : bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80)
            errors.Invalid(path, value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
        if (isV4 ? bytes is [224, 0, 0, _] : bytes[0] == 0xff && (bytes[1] & 0x0f) == 2)
            errors.Invalid(path, value, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }

    public static string? Warning(FieldPath path, string value)
    {
        if (IpText.Parse(value, out var hasLeadingZeros) is not { } address) return null;
        var canonical = IpText.Canonical(address);
        if (hasLeadingZeros || address.IsIPv4MappedToIPv6)
            return $"{path}: non-standard IP address {FieldError.Quote(value)} is invalid: use {FieldError.Quote(canonical)}";
        return address.AddressFamily == AddressFamily.InterNetworkV6 && canonical != value
            ? $"{path}: IPv6 address {FieldError.Quote(value)} should be in RFC 5952 canonical format ({FieldError.Quote(canonical)})"
            : null;
    }

    public static IEnumerable<string> CidrWarnings(FieldPath path, string value)
    {
        if (IpText.ParseCidr(value) is not { } network) yield break;
        var isClean = true;
        var masked = $"{IpText.Canonical(IpText.Masked(network.Address, network.Length))}/{network.Length}";
        if (!network.Address.Equals(IpText.Masked(network.Address, network.Length)))
        {
            isClean = false;
            var single = $"{IpText.Canonical(network.Address)}/{(network.Address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128)}";
            yield return $"{path}: CIDR value {FieldError.Quote(value)} is ambiguous in this context (should be {FieldError.Quote(masked)} or {FieldError.Quote(single)}?)";
        }

        if (network.HasLeadingZeros || network.Address.IsIPv4MappedToIPv6)
        {
            isClean = false;
            yield return $"{path}: non-standard CIDR value {FieldError.Quote(value)} is invalid: use {FieldError.Quote(masked)}";
        }

        if (isClean && network.Address.AddressFamily == AddressFamily.InterNetworkV6 && masked != value)
            yield return $"{path}: IPv6 CIDR value {FieldError.Quote(value)} should be in RFC 5952 canonical format ({FieldError.Quote(masked)})";
    }
}
