using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Supervisor.Layout;

namespace Bramble.Supervisor.Joining;

/// <summary>Keeps a second machine from taking a node's name: the first one that joins under it leaves the hash of its password in
/// <c>kube-system/NAME.node-password.k3s</c>, as K3s does. The Secret goes with the Node.</summary>
public sealed class NodePasswords(IKubeClient client) : IDisposable
{
    private const string SecretType = "k3s.cattle.io/node-password";
    private const int Cost = 15, BlockSize = 8, Parallelization = 1, HashBytes = 64;

    // 32 MB a hash: one at a time on a small board.
    private readonly SemaphoreSlim _one = new(1);

    /// <summary>True: the name is this machine's, or is so from now on.</summary>
    public async Task<bool> EnsureAsync(string node, string password, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            var name = SecretName(node);
            if (await client.FindAsync(Resources.Secrets, name, cancel) is { } known) return Matches(known.ToTree(), password);
            try
            {
                await client.CreateAsync(Resources.Secrets, name, Secret(name, password), null, cancel);
                return true;
            }
            catch (StatusException lost) when (lost.Status.Reason == "AlreadyExists")
            {
                return await client.FindAsync(Resources.Secrets, name, cancel) is { } first && Matches(first.ToTree(), password);
            }
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>The node has been deleted: another machine may have its name.</summary>
    public ValueTask<bool> ForgetAsync(string node, CancellationToken cancel) => client.DeleteAsync(Resources.Secrets, SecretName(node), new DeleteQuery(), cancel);

    /// <summary>This machine's own password, made at the first start: K3s' /etc/rancher/node/password.</summary>
    public static string OwnPassword(string folder = "/etc/rancher/node")
    {
        var path = Path.Combine(folder, "password");
        if (File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } known) return known;
        var password = RandomNumberGenerator.GetHexString(32, lowercase: true);
        SafeFile.Write(path, password + "\n");
        return password;
    }

    public void Dispose() => _one.Dispose();

    private static NamespacedName SecretName(string node) => new("kube-system", node.ToLowerInvariant() + ".node-password.k3s");

    private static JsonObject Secret(NamespacedName name, string password) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "Secret",
        ["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace },
        ["type"] = SecretType,
        ["immutable"] = true,
        ["data"] = new JsonObject { ["hash"] = Convert.ToBase64String(Encoding.ASCII.GetBytes(Hash(password))) },
    };

    private static bool Matches(JsonObject secret, string password) =>
        secret["data"]?["hash"]?.GetValue<string>() is { } encoded && Verify(Encoding.ASCII.GetString(Convert.FromBase64String(encoded)), password);

    /// <summary><c>$1:salt:15:8:1:hash</c>, salt in hex, hash in base64 without padding.</summary>
    internal static string Hash(string password)
    {
        var salt = RandomNumberGenerator.GetBytes(8);
        var hash = Scrypt.Derive(Encoding.UTF8.GetBytes(password), salt, 1 << Cost, BlockSize, Parallelization, HashBytes);
        return string.Create(CultureInfo.InvariantCulture, $"$1:{Convert.ToHexStringLower(salt)}:{Cost}:{BlockSize}:{Parallelization}:{Convert.ToBase64String(hash).TrimEnd('=')}");
    }

    internal static bool Verify(string hash, string password)
    {
        var parts = hash.Split(':');
        if (parts is not ["$1", var salt, var cost, var block, var parallel, var text]
            || !int.TryParse(cost, out var n) || n is < 1 or > 20 || !int.TryParse(block, out var r) || r is < 1 or > 32 || !int.TryParse(parallel, out var p) || p is < 1 or > 16) return false;
        var expected = Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='));
        return CryptographicOperations.FixedTimeEquals(expected, Scrypt.Derive(Encoding.UTF8.GetBytes(password), Convert.FromHexString(salt), 1 << n, r, p, expected.Length));
    }
}
