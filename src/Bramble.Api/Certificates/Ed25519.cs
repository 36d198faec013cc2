using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;

namespace Bramble.Api.Certificates;

/// <summary>Checks Ed25519 signatures (RFC 8032, section 5.1.7), which .NET cannot. All that goes in is public: how long it takes tells nobody anything.</summary>
public static class Ed25519
{
    public const string Oid = "1.3.101.112";

    private static readonly BigInteger Prime = BigInteger.Pow(2, 255) - 19;
    private static readonly BigInteger Order = BigInteger.Pow(2, 252) + BigInteger.Parse("27742317777372353535851937790883648493", CultureInfo.InvariantCulture);

    /// <summary>The curve: -x² + y² = 1 + d·x²·y².</summary>
    private static readonly BigInteger D = Mod(-121665 * Inverse(121666));
    private static readonly BigInteger RootOfMinusOne = BigInteger.ModPow(2, (Prime - 1) / 4, Prime);
    private static readonly Point Base = Decode(Encode(Mod(4 * Inverse(5)), isOdd: false))!;

    /// <param name="key">The public key: 32 bytes.</param>
    /// <param name="message">What was signed.</param>
    /// <param name="signature">64 bytes: R and S.</param>
    public static bool Verify(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (key.Length != 32 || signature.Length != 64 || Decode(key) is not { } theirs) return false;
        var s = new BigInteger(signature[32..], isUnsigned: true);
        if (s >= Order) return false;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA512);
        hash.AppendData(signature[..32]);
        hash.AppendData(key);
        hash.AppendData(message);
        var k = new BigInteger(hash.GetHashAndReset(), isUnsigned: true) % Order;
        // R = S·B - k·A
        var r = Base.Times(s).Plus(theirs.Times(Order - k));
        return signature[..32].SequenceEqual(r.Encode());
    }

    private static byte[] Encode(BigInteger y, bool isOdd)
    {
        var encoded = new byte[32];
        y.TryWriteBytes(encoded, out _, isUnsigned: true);
        if (isOdd) encoded[31] |= 0x80;
        return encoded;
    }

    /// <summary>Section 5.1.3; null: no point of the curve.</summary>
    private static Point? Decode(ReadOnlySpan<byte> encoded)
    {
        var isOdd = (encoded[31] & 0x80) != 0;
        var y = new BigInteger(encoded, isUnsigned: true) & ((BigInteger.One << 255) - 1);
        if (y >= Prime) return null;
        var (u, v) = (Mod(y * y - 1), Mod(D * y * y + 1));
        var x = Mod(u * BigInteger.ModPow(v, 3, Prime) * BigInteger.ModPow(u * BigInteger.ModPow(v, 7, Prime), (Prime - 5) / 8, Prime));
        var square = Mod(v * x * x);
        if (square == Mod(-u)) x = Mod(x * RootOfMinusOne);
        else if (square != u) return null;
        if (x.IsZero && isOdd) return null;
        if (x.IsEven == isOdd) x = Prime - x;
        return new Point(x, y, 1, Mod(x * y));
    }

    private static BigInteger Mod(BigInteger value)
    {
        var rest = value % Prime;
        return rest.Sign < 0 ? rest + Prime : rest;
    }

    private static BigInteger Inverse(BigInteger value) => BigInteger.ModPow(value, Prime - 2, Prime);

    /// <summary>In extended coordinates: x = X/Z, y = Y/Z, x·y = T/Z.</summary>
    private sealed class Point(BigInteger x, BigInteger y, BigInteger z, BigInteger t)
    {
        private static readonly Point Neutral = new(0, 1, 1, 0);

        private BigInteger X { get; } = x;
        private BigInteger Y { get; } = y;
        private BigInteger Z { get; } = z;
        private BigInteger T { get; } = t;

        /// <summary>Section 5.1.4; holds for a point and itself too.</summary>
        public Point Plus(Point other)
        {
            var (a, b) = (Mod((Y - X) * (other.Y - other.X)), Mod((Y + X) * (other.Y + other.X)));
            var (c, d) = (Mod(2 * T * D * other.T), Mod(2 * Z * other.Z));
            var (e, f, g, h) = (b - a, d - c, d + c, b + a);
            return new Point(Mod(e * f), Mod(g * h), Mod(f * g), Mod(e * h));
        }

        public Point Times(BigInteger factor)
        {
            var (sum, power) = (Neutral, this);
            for (; factor.Sign > 0; factor >>= 1)
            {
                if (!factor.IsEven) sum = sum.Plus(power);
                power = power.Plus(power);
            }
            return sum;
        }

        public byte[] Encode()
        {
            var inverse = Inverse(Z);
            return Ed25519.Encode(Mod(Y * inverse), isOdd: !Mod(X * inverse).IsEven);
        }
    }
}
