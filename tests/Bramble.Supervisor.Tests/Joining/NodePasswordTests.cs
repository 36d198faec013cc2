using System.Text;
using Bramble.Supervisor.Joining;

namespace Bramble.Supervisor.Tests.Joining;

public sealed class NodePasswordTests
{
    // RFC 7914, section 12.
    [Theory]
    [InlineData("", "", 16, 1, 1, "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906")]
    [InlineData("password", "NaCl", 1024, 8, 16, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640")]
    public void Scrypt_gives_the_numbers_of_its_RFC(string password, string salt, int cost, int block, int parallel, string expected) =>
        Assert.Equal(expected, Convert.ToHexStringLower(Scrypt.Derive(Encoding.ASCII.GetBytes(password), Encoding.ASCII.GetBytes(salt), cost, block, parallel, 64)));

    [Fact]
    public void A_hash_knows_its_password_and_no_other()
    {
        var hash = NodePasswords.Hash("0123456789abcdef");
        Assert.StartsWith("$1:", hash, StringComparison.Ordinal);
        Assert.Equal(["15", "8", "1"], hash.Split(':')[2..5]);
        Assert.True(NodePasswords.Verify(hash, "0123456789abcdef"));
        Assert.False(NodePasswords.Verify(hash, "0123456789abcdee"));
        Assert.False(NodePasswords.Verify("$2:00:15:8:1:AAAA", "0123456789abcdef"));
    }
}
