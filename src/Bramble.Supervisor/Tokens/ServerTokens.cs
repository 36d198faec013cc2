using System.Security.Cryptography;
using System.Text;
using Bramble.Supervisor.Layout;

namespace Bramble.Supervisor.Tokens;

/// <summary>The server's join secrets on disk: server/token, its alias node-token, agent-token and cred/passwd, as K3s keeps them.</summary>
public sealed class ServerTokens
{
    private readonly DataLayout _layout;
    private readonly string _caHash;
    private readonly bool _hasAgentToken;
    private volatile string _serverPassword;
    private volatile string _agentPassword;

    private ServerTokens(DataLayout layout, string caHash, bool hasAgentToken, string serverPassword, string agentPassword) =>
        (_layout, _caHash, _hasAgentToken, _serverPassword, _agentPassword) = (layout, caHash, hasAgentToken, serverPassword, agentPassword);

    /// <summary>Reads or makes the secrets and writes the files.</summary>
    /// <param name="token">From <c>--token</c>; null: the stored one, or a new one at the first start.</param>
    /// <param name="agentToken">From <c>--agent-token</c>; null: agents join with the server's.</param>
    /// <exception cref="InvalidDataException">The given token is not the stored one.</exception>
    public static ServerTokens Open(DataLayout layout, string caPem, string? token, string? agentToken)
    {
        var stored = File.Exists(layout.Token) ? JoinToken.Parse(File.ReadAllText(layout.Token)).Password : null;
        var given = token is null ? null : JoinToken.Parse(token) is var parsed && parsed.IsBootstrap ? $"{parsed.BootstrapId}.{parsed.BootstrapSecret}" : parsed.Password;
        if (given is not null && stored is not null && given != stored)
            throw new InvalidDataException($"--token is not the token this server was made with; leave it out, or use the one in {layout.Token}");
        var password = given ?? stored ?? JoinToken.NewPassword();
        var agentPassword = agentToken is null ? password : JoinToken.Parse(agentToken).Password;

        var caHash = Pki.CertificateAuthority.HashOfServedBundle(caPem);
        SafeFile.WriteIfChanged(layout.Token, new JoinToken(caHash, "server", password) + "\n");
        Link(layout.NodeToken, layout.Token);
        if (agentToken is null) Link(layout.AgentToken, layout.Token);
        else
        {
            if (new FileInfo(layout.AgentToken).LinkTarget is not null) File.Delete(layout.AgentToken);
            SafeFile.WriteIfChanged(layout.AgentToken, new JoinToken(caHash, "node", agentPassword) + "\n");
        }
        var tokens = new ServerTokens(layout, caHash, agentToken is not null, password, agentPassword);
        tokens.WritePasswords();
        return tokens;
    }

    /// <summary><c>k3s token rotate</c>: from now on only the new password joins; who has joined stays. Agents' password goes along unless they have their own.</summary>
    /// <param name="password">Empty: a random one.</param>
    public void Rotate(string password)
    {
        if (password.Length == 0) password = JoinToken.NewPassword();
        else if (JoinToken.Parse(password) is { IsBootstrap: false } token) password = token.Password;
        _serverPassword = password;
        if (!_hasAgentToken) _agentPassword = password;
        SafeFile.Write(_layout.Token, new JoinToken(_caHash, "server", password) + "\n");
        WritePasswords();
    }

    /// <summary>The group of a user of cred/passwd, or null when name or password is wrong. Compares in constant time.</summary>
    public string? GroupOf(string user, string password) => user switch
    {
        "server" when IsSame(password, _serverPassword) => "k3s:server",
        "node" when IsSame(password, _agentPassword) => "k3s:agent",
        _ => null,
    };

    private void WritePasswords() => SafeFile.WriteIfChanged(_layout.Passwd, $"{_serverPassword},server,server,k3s:server\n{_agentPassword},node,node,k3s:agent\n");

    private static bool IsSame(string given, string expected) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes(expected)));

    private static void Link(string link, string target)
    {
        var info = new FileInfo(link);
        if (info.LinkTarget == target) return;
        if (info.Exists || info.LinkTarget is not null) File.Delete(link);
        File.CreateSymbolicLink(link, target);
    }
}
