using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Bramble.ApiServer.Strategies;

/// <summary>Addresses and networks as texts, read as Go's net package does: leading zeros in IPv4 are read (and then refused by the rules), zones are not.</summary>
internal static class IpText
{
    /// <summary>The address; null when the text is none. <paramref name="hasLeadingZeros"/>: it is one only for sloppy readers.</summary>
    public static IPAddress? Parse(string text, out bool hasLeadingZeros)
    {
        hasLeadingZeros = false;
        if (text.Contains(':'))
        {
            foreach (var c in text)
                if (!char.IsAsciiHexDigit(c) && c is not (':' or '.')) return null;
            var dot = text.IndexOf('.');
            // The IPv4 tail of an IPv6 address is read by the IPv4 rules.
            if (dot >= 0 && ParseV4(text[(text.LastIndexOf(':') + 1)..], out hasLeadingZeros) is null) return null;
            return IPAddress.TryParse(text, out var six) && six.AddressFamily == AddressFamily.InterNetworkV6 ? six : null;
        }

        return ParseV4(text, out hasLeadingZeros);
    }

    public static IPAddress? Parse(string text) => Parse(text, out _);

    private static IPAddress? ParseV4(string text, out bool hasLeadingZeros)
    {
        hasLeadingZeros = false;
        Span<byte> bytes = stackalloc byte[4];
        var (part, digits, value) = (0, 0, 0);
        foreach (var c in text)
        {
            if (c == '.')
            {
                if (digits == 0 || part == 3) return null;
                bytes[part++] = (byte)value;
                (digits, value) = (0, 0);
                continue;
            }

            if (!char.IsAsciiDigit(c)) return null;
            if (digits > 0 && value == 0) hasLeadingZeros = true;
            digits++;
            value = (value * 10) + (c - '0');
            if (value > 255) return null;
        }

        if (part != 3 || digits == 0) return null;
        bytes[3] = (byte)value;
        return new IPAddress(bytes);
    }

    /// <summary>Go tells 4-in-6 addresses from IPv4 ones only where it matters; for families they are IPv4.</summary>
    public static bool IsV6(string text) => Parse(text) is { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false };

    public static bool IsV4(string text) => Parse(text) is { } address && (address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6);

    /// <summary>RFC 5952.</summary>
    public static string Canonical(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily == AddressFamily.InterNetwork) return address.ToString();
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        var (start, length) = (-1, 0);
        for (var i = 0; i < 8; i++)
        {
            var run = 0;
            while (i + run < 8 && bytes[(i + run) * 2] == 0 && bytes[((i + run) * 2) + 1] == 0) run++;
            if (run > length && run > 1) (start, length) = (i, run);
            if (run > 0) i += run - 1;
        }

        var text = new StringBuilder();
        for (var i = 0; i < 8; i++)
        {
            if (i == start)
            {
                text.Append("::");
                i += length - 1;
                continue;
            }

            if (text.Length > 0 && text[^1] != ':') text.Append(':');
            text.Append(((bytes[i * 2] << 8) | bytes[(i * 2) + 1]).ToString("x", CultureInfo.InvariantCulture));
        }

        return text.ToString();
    }

    /// <summary>Address and prefix length of a CIDR; null when it is none. The length may have leading zeros for sloppy readers.</summary>
    public static (IPAddress Address, int Length, bool HasLeadingZeros)? ParseCidr(string text)
    {
        var slash = text.IndexOf('/');
        if (slash < 0 || Parse(text[..slash], out var zeros) is not { } address) return null;
        var length = text.AsSpan(slash + 1);
        if (length.Length == 0 || length.ContainsAnyExceptInRange('0', '9') || !int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var bits)) return null;
        if (bits > (address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128)) return null;
        return (address, bits, zeros || (length.Length > 1 && length[0] == '0'));
    }

    /// <summary>The address with all bits beyond the prefix cleared.</summary>
    public static IPAddress Masked(IPAddress address, int bits)
    {
        var bytes = address.GetAddressBytes();
        for (var i = 0; i < bytes.Length; i++)
        {
            var keep = Math.Clamp(bits - (i * 8), 0, 8);
            bytes[i] &= (byte)(0xff << (8 - keep));
        }

        return new IPAddress(bytes);
    }
}
