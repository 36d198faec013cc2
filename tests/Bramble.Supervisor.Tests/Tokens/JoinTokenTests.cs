using Bramble.Supervisor.Layout;
using Bramble.Supervisor.Pki;
using Bramble.Supervisor.Tokens;

namespace Bramble.Supervisor.Tests.Tokens;

public class JoinTokenTests
{
    private static readonly string Hash = new('a', 64);

    public static TheoryData<string, JoinToken> Forms => new()
    {
        { "secret", new JoinToken("", "", "secret") },
        { "abcdef.0123456789abcdef", new JoinToken("", "", "", "abcdef", "0123456789abcdef") },
        { $"K10{Hash}::server:pass:word", new JoinToken(Hash, "server", "pass:word") },
        { $"K10{Hash}::abcdef.0123456789abcdef\n", new JoinToken(Hash, "", "", "abcdef", "0123456789abcdef") },
        { "K10::node:x", new JoinToken("", "node", "x") },
    };

    [Theory, MemberData(nameof(Forms))]
    public void All_of_K3s_forms_are_read(string text, JoinToken expected) => Assert.Equal(expected, JoinToken.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("K10abc")]
    [InlineData("K10abc::server:x")]
    public void What_is_no_token_is_refused_without_repeating_it(string text)
    {
        var error = Assert.Throws<FormatException>(() => JoinToken.Parse(text));
        if (text.Length > 0) Assert.DoesNotContain(text, error.Message);
    }

    [Fact]
    public void A_server_keeps_its_token_and_knows_its_users()
    {
        var folder = Directory.CreateTempSubdirectory("bramble-token-").FullName;
        try
        {
            var layout = new DataLayout(folder);
            var (ca, _) = CertificateAuthority.Create("k3s-server-ca@1", DateTimeOffset.UnixEpoch.AddYears(56));
            var first = ServerTokens.Open(layout, ca, token: null, agentToken: null);
            var line = File.ReadAllText(layout.NodeToken);
            var password = JoinToken.Parse(line).Password;
            Assert.Equal("k3s:server", first.GroupOf("server", password));
            Assert.Equal("k3s:agent", first.GroupOf("node", password));
            Assert.Null(first.GroupOf("server", password + "x"));
            Assert.Null(first.GroupOf("admin", password));
            ServerTokens.Open(layout, ca, token: null, agentToken: "other");
            Assert.Equal(line, File.ReadAllText(layout.Token));
            Assert.EndsWith("::node:other\n", File.ReadAllText(layout.AgentToken));
            Assert.Throws<InvalidDataException>(() => ServerTokens.Open(layout, ca, token: "wrong", agentToken: null));

            first.Rotate("new");
            Assert.Null(first.GroupOf("node", password));
            Assert.Equal("k3s:agent", first.GroupOf("node", "new"));
            Assert.Equal("k3s:server", ServerTokens.Open(layout, ca, token: "new", agentToken: null).GroupOf("server", "new"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
