namespace Bramble.Api.Certificates;

/// <summary>Checks Ed25519 signatures (RFC 8032), which .NET cannot.</summary>
public static class Ed25519
{
    public const string Oid = "1.3.101.112";

    /// <param name="key">The public key: 32 bytes.</param>
    /// <param name="message">What was signed.</param>
    /// <param name="signature">64 bytes: R and S.</param>
    public static bool Verify(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature) =>
        key.Length == 32 && signature.Length == 64 && Org.BouncyCastle.Math.EC.Rfc8032.Ed25519.Verify(signature.ToArray(), 0, key.ToArray(), 0, message.ToArray(), 0, message.Length);
}
