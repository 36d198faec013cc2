using System.Security.Cryptography;
using Bramble.Api.Certificates;

namespace Bramble.Api.Tests.Certificates;

public sealed class Ed25519Tests
{
    /// <summary>RFC 8032, section 7.1: tests 1 to 3.</summary>
    [Theory]
    [InlineData("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")]
    [InlineData("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")]
    [InlineData("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")]
    public void A_signature_is_right_for_its_key_and_message_only(string key, string message, string signature)
    {
        var (k, m, s) = (Convert.FromHexString(key), Convert.FromHexString(message), Convert.FromHexString(signature));
        Assert.True(Ed25519.Verify(k, m, s));
        Assert.False(Ed25519.Verify(k, [.. m, 0], s));
        foreach (var index in (int[])[0, 31, 32, 63])
        {
            var wrong = (byte[])s.Clone();
            wrong[index] ^= 1;
            Assert.False(Ed25519.Verify(k, m, wrong));
        }
        var other = (byte[])k.Clone();
        other[0] ^= 1;
        Assert.False(Ed25519.Verify(other, m, s));
    }

    /// <summary>S and S + L are the same signature: only the smaller one is.</summary>
    [Fact]
    public void A_signature_has_one_form()
    {
        var signature = Convert.FromHexString("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901554c8c7872aa064e049dbb3013fbf29380d25bf5f0595bbe24655141438e7a101b");
        Assert.False(Ed25519.Verify(Convert.FromHexString("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"), [], signature));
    }

    [Fact]
    public void A_request_shows_that_who_asks_has_the_key()
    {
        var der = Convert.FromBase64String(
            "MIGuMGICAQAwLzEVMBMGA1UECgwMc3lzdGVtOm5vZGVzMRYwFAYDVQQDDA1zeXN0ZW06bm9kZTphMCowBQYDK2VwAyEAqPSfX/2xG+g1t6GgbhamQPHM3RTGkj0uQDJD9+stW9CgADAFBgMrZXADQQBkqtoO8PgrhzrceNbbeeR2P++PhwWSnKWxDt0rNQWSHrCLSVdqbbe2Zbjen+euto3i3FdOCuH9fnZZc9aBo5gB");
        Assert.Equal("CN=system:node:a, O=system:nodes", SigningRequests.Load(der).SubjectName.Name);
        var index = der.AsSpan().IndexOf("node:a"u8) + 5;
        der[index] = (byte)'b';
        Assert.Equal("x509: Ed25519 verification failure", Assert.Throws<CryptographicException>(() => SigningRequests.Load(der)).Message);
    }
}
