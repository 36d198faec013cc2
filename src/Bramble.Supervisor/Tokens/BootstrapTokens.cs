using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Supervisor.Tokens;

/// <summary>A bootstrap token as it is stored.</summary>
/// <param name="Expires">Null: never.</param>
public sealed record BootstrapToken(string Id, string Secret, string Description, IReadOnlyList<string> Groups, IReadOnlyList<string> Usages, DateTimeOffset? Expires);

/// <summary>Join tokens of limited life: Secrets <c>kube-system/bootstrap-token-ID</c> in kubeadm's form.</summary>
public sealed class BootstrapTokens(IKubeClient client, TimeProvider time)
{
    private const string Prefix = "bootstrap-token-", SecretType = "bootstrap.kubernetes.io/token", Letters = "abcdefghijklmnopqrstuvwxyz0123456789";

    /// <summary><c>id.secret</c>, made of chance.</summary>
    public static string Generate() => RandomNumberGenerator.GetString(Letters, 6) + "." + RandomNumberGenerator.GetString(Letters, 16);

    /// <param name="life">Zero: for ever.</param>
    /// <exception cref="Bramble.Api.Errors.StatusException">It exists, or the API refuses.</exception>
    public async Task CreateAsync(string id, string secret, string description, IReadOnlyList<string> groups, IReadOnlyList<string> usages, TimeSpan life, CancellationToken cancel)
    {
        var data = new JsonObject { ["token-id"] = id, ["token-secret"] = secret, ["auth-extra-groups"] = string.Join(',', groups) };
        if (description.Length > 0) data["description"] = description;
        if (life > TimeSpan.Zero) data["expiration"] = (time.GetUtcNow() + life).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        foreach (var usage in usages) data["usage-bootstrap-" + usage] = "true";
        var name = new NamespacedName("kube-system", Prefix + id);
        await client.CreateAsync(Resources.Secrets, name, new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Secret",
            ["metadata"] = new JsonObject { ["name"] = name.Name, ["namespace"] = name.Namespace },
            ["type"] = SecretType,
            ["stringData"] = data,
        }, null, cancel);
    }

    /// <summary>True when it was there.</summary>
    public ValueTask<bool> DeleteAsync(string id, CancellationToken cancel) => client.DeleteAsync(Resources.Secrets, new NamespacedName("kube-system", Prefix + id), new DeleteQuery(), cancel);

    public async Task<IReadOnlyList<BootstrapToken>> ListAsync(CancellationToken cancel)
    {
        var list = await client.ListAsync(Resources.Secrets, new ListQuery("kube-system", FieldSelector: "type=" + SecretType), cancel);
        return [.. list.Items.Select(item => Read(item.Model<V1Secret>())).OrderBy(token => token.Id, StringComparer.Ordinal)];
    }

    private static BootstrapToken Read(V1Secret secret)
    {
        string Text(string key) => secret.Data is { } data && data.TryGetValue(key, out var bytes) ? Encoding.UTF8.GetString(bytes) : "";
        return new BootstrapToken(
            Text("token-id"), Text("token-secret"), Text("description"), Text("auth-extra-groups").Split(',', StringSplitOptions.RemoveEmptyEntries),
            [.. (secret.Data?.Keys ?? Enumerable.Empty<string>()).Where(k => k.StartsWith("usage-bootstrap-", StringComparison.Ordinal) && Text(k) == "true").Select(k => k["usage-bootstrap-".Length..]).Order(StringComparer.Ordinal)],
            DateTimeOffset.TryParse(Text("expiration"), CultureInfo.InvariantCulture, out var expires) ? expires : null);
    }
}
