using System.Text;

namespace Bramble.ApiServer.Authentication;

/// <summary>HTTP Basic, as K3s' supervisor has it (cred/passwd). A password nobody knows is no credential: the next authenticator is asked, as upstream knows no Basic.</summary>
internal sealed class PasswordAuthenticator(Func<string, string, UserInfo?> find) : IAuthenticator
{
    public AuthenticationAnswer Authenticate(Credentials credentials)
    {
        if (credentials.Headers.Authorization is not [{ } header, ..] || !header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)) return AuthenticationAnswer.None;
        var bytes = new byte[header.Length];
        if (!Convert.TryFromBase64String(header["Basic ".Length..].Trim(), bytes, out var length)) return AuthenticationAnswer.None;
        var pair = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = pair.IndexOf(':');
        return colon < 0 ? AuthenticationAnswer.None : new AuthenticationAnswer(find(pair[..colon], pair[(colon + 1)..]));
    }
}
