using System.Net;
using System.Net.Sockets;

namespace Bramble.Api.Cel;

/// <summary><c>ip('10.0.0.1')</c>.</summary>
internal sealed record CelAddress(IPAddress Address) : ICelLibraryValue
{
    public string LibraryType => "IP";
    public long Size => Address.GetAddressBytes().Length;

    public override string ToString() => Address.ToString();

    /// <returns>A <see cref="CelAddress"/> or a fault in the words of Go's netip.</returns>
    public static object Parse(string text)
    {
        var shown = Errors.FieldError.Quote(text);
        // .NET also takes octal parts, single numbers and brackets.
        var isFour = !text.Contains(':');
        if (isFour ? !IsDotted(text) : text.Contains('[') || text.Contains('%') || !IPAddress.TryParse(text, out _))
        {
            if (!isFour && text.IndexOf('%', StringComparison.Ordinal) is > 0 and var zone && IPAddress.TryParse(text[..zone], out _)) return new CelFault($"IP address {shown} with zone value is not allowed");
            return new CelFault($"IP Address {shown} parse error during conversion from string: ParseAddr({shown}): {(text.Contains('.') || !isFour ? "unexpected character" : "unable to parse IP")}");
        }
        var address = IPAddress.Parse(text);
        return address.IsIPv4MappedToIPv6 ? new CelFault($"IPv4-mapped IPv6 address {shown} is not allowed") : new CelAddress(address);
    }

    private static bool IsDotted(string text)
    {
        var parts = text.Split('.');
        return parts.Length == 4 && parts.All(p => p.Length is > 0 and <= 3 && p.All(char.IsAsciiDigit) && (p.Length == 1 || p[0] != '0') && int.Parse(p, System.Globalization.CultureInfo.InvariantCulture) <= 255);
    }
}

/// <summary><c>cidr('10.0.0.0/8')</c>: an address, perhaps with bits behind the prefix.</summary>
internal sealed record CelNetwork(IPAddress Address, int Bits) : ICelLibraryValue
{
    public string LibraryType => "CIDR";
    public long Size => (Bits + 7) / 8;

    public override string ToString() => $"{Address}/{Bits}";

    public static object Parse(string text)
    {
        var slash = text.LastIndexOf('/');
        var shown = Errors.FieldError.Quote(text);
        CelFault Unfit(string why) => new($"network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix({shown}): {why}");
        if (slash < 0) return Unfit("no '/'");
        if (CelAddress.Parse(text[..slash]) is not CelAddress { Address: var address })
            return CelAddress.Parse(text[..slash]) is CelFault { Message: var why } && why.StartsWith("IPv4-mapped", StringComparison.Ordinal)
                ? new CelFault($"network address parse error during conversion from string: IPv4-mapped IPv6 address {shown} is not allowed")
                : Unfit($"ParseAddr({Errors.FieldError.Quote(text[..slash])}): unable to parse IP");
        var digits = text[(slash + 1)..];
        if (digits.Length is 0 or > 3 || !digits.All(char.IsAsciiDigit) || digits.Length > 1 && digits[0] == '0') return Unfit($"bad bits after slash: {Errors.FieldError.Quote(digits)}");
        var bits = int.Parse(digits, System.Globalization.CultureInfo.InvariantCulture);
        return bits > address.GetAddressBytes().Length * 8 ? Unfit("prefix length out of range") : new CelNetwork(address, bits);
    }

    public CelNetwork Masked()
    {
        var bytes = Address.GetAddressBytes();
        for (var i = 0; i < bytes.Length; i++) bytes[i] &= (byte)(0xff00 >> Math.Clamp(Bits - i * 8, 0, 8));
        return new CelNetwork(new IPAddress(bytes), Bits);
    }

    public bool Contains(IPAddress other) => other.AddressFamily == Address.AddressFamily && new CelNetwork(other, Bits).Masked().Address.Equals(Masked().Address);
}

/// <summary>Kubernetes' libraries of addresses, networks and URLs.</summary>
internal static class CelNetworks
{
    public static object? Call(string function, object?[] a) => (function, a) switch
    {
        ("ip", [string text]) => CelAddress.Parse(text),
        ("ip", [CelNetwork network]) => new CelAddress(network.Address),
        ("isIP", [string text]) => CelAddress.Parse(text) is CelAddress,
        ("ip.isCanonical", [string text]) => CelAddress.Parse(text) is CelAddress address ? address.ToString() == text : CelAddress.Parse(text),
        ("family", [CelAddress { Address: var address }]) => address.AddressFamily == AddressFamily.InterNetwork ? 4L : 6L,
        ("isUnspecified", [CelAddress { Address: var address }]) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any),
        ("isLoopback", [CelAddress { Address: var address }]) => IPAddress.IsLoopback(address),
        ("isLinkLocalMulticast", [CelAddress { Address: var address }]) => IsLinkLocalMulticast(address),
        ("isLinkLocalUnicast", [CelAddress { Address: var address }]) => IsLinkLocalUnicast(address),
        ("isGlobalUnicast", [CelAddress { Address: var address }]) => !address.Equals(IPAddress.Broadcast) && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any) && !IPAddress.IsLoopback(address)
            && !IsMulticast(address) && !IsLinkLocalUnicast(address),
        ("cidr", [string text]) => CelNetwork.Parse(text),
        ("isCIDR", [string text]) => CelNetwork.Parse(text) is CelNetwork,
        ("containsIP", [CelNetwork network, string text]) => CelAddress.Parse(text) is CelAddress address ? network.Contains(address.Address) : CelFault.NoOverload,
        ("containsIP", [CelNetwork network, CelAddress address]) => network.Contains(address.Address),
        ("containsCIDR", [CelNetwork network, string text]) => CelNetwork.Parse(text) is CelNetwork other ? network.Bits <= other.Bits && network.Contains(other.Address) : CelNetwork.Parse(text),
        ("containsCIDR", [CelNetwork network, CelNetwork other]) => network.Bits <= other.Bits && network.Contains(other.Address),
        ("prefixLength", [CelNetwork network]) => (long)network.Bits,
        ("masked", [CelNetwork network]) => network.Masked(),
        ("url", [string text]) => CelUrl.Parse(text),
        ("isURL", [string text]) => CelUrl.Parse(text) is CelUrl,
        ("getScheme", [CelUrl url]) => url.Scheme,
        ("getHost", [CelUrl url]) => url.Host,
        ("getHostname", [CelUrl url]) => url.Hostname,
        ("getPort", [CelUrl url]) => url.Port,
        ("getEscapedPath", [CelUrl url]) => url.Path,
        ("getQuery", [CelUrl url]) => url.Query(),
        _ => null,
    };

    private static bool IsMulticast(IPAddress address) => address.IsIPv6Multicast || address.AddressFamily == AddressFamily.InterNetwork && address.GetAddressBytes()[0] is >= 224 and <= 239;

    private static bool IsLinkLocalMulticast(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        return bytes.Length == 4 ? bytes is [224, 0, 0, _] : bytes[0] == 0xff && (bytes[1] & 0x0f) == 2;
    }

    private static bool IsLinkLocalUnicast(IPAddress address) => address.IsIPv6LinkLocal || address.GetAddressBytes() is [169, 254, _, _];
}
