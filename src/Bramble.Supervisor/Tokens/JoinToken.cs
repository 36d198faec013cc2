using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Bramble.Supervisor.Tokens;

/// <summary>A token by which nodes join, in K3s' three forms: <c>K10&lt;hash&gt;::user:password</c>, <c>K10&lt;hash&gt;::id.secret</c> and a bare password or
/// <c>id.secret</c>. <c>CaHash</c> empty: the CA is not pinned.</summary>
public sealed partial record JoinToken(string CaHash, string User, string Password, string BootstrapId = "", string BootstrapSecret = "")
{
    private const string Prefix = "K10";

    public bool IsBootstrap => BootstrapId.Length > 0;

    [GeneratedRegex("^[a-z0-9]{6}\\.[a-z0-9]{16}\\z")]
    private static partial Regex BootstrapForm();

    /// <summary>16 random bytes as 32 hex characters.</summary>
    public static string NewPassword() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <exception cref="FormatException">The text is no token; the message says what is wrong, never the token itself.</exception>
    public static JoinToken Parse(string text)
    {
        text = text.Trim();
        if (text.Length == 0) throw new FormatException("the token is empty; take it from server/node-token on the server");
        if (!text.StartsWith(Prefix, StringComparison.Ordinal)) return ParseSecret("", text, isBare: true);
        var parts = text[Prefix.Length..].Split("::", 2);
        if (parts.Length != 2) throw new FormatException("the token starts with K10 but has no \"::\"; copy the whole line of server/node-token");
        if (parts[0].Length is not (0 or 64)) throw new FormatException("the CA hash in the token must have 64 characters; copy the whole line of server/node-token");
        return ParseSecret(parts[0], parts[1], isBare: false);
    }

    private static JoinToken ParseSecret(string caHash, string secret, bool isBare)
    {
        if (BootstrapForm().IsMatch(secret)) return new JoinToken(caHash, "", "", secret[..6], secret[7..]);
        if (isBare) return new JoinToken(caHash, "", secret);
        var colon = secret.IndexOf(':');
        if (colon < 0 || colon == secret.Length - 1) throw new FormatException("the token has no password behind \"::\"; copy the whole line of server/node-token");
        return new JoinToken(caHash, secret[..colon], secret[(colon + 1)..]);
    }

    /// <summary>The form that is written to server/token.</summary>
    public override string ToString() => IsBootstrap
        ? $"{Prefix}{CaHash}::{BootstrapId}.{BootstrapSecret}"
        : $"{Prefix}{CaHash}::{User}:{Password}";
}
