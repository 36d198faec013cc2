using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.Client;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.ApiServer.Tests.Authentication;

/// <summary>Tokens kept in Secrets.</summary>
public sealed class LegacyTokenTests
{
    private static readonly ResourceId Secrets = new("", "v1", "secrets", "Secret", true);
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 31, 23, 0, 0, TimeSpan.Zero));

    [Theory]
    [InlineData("made by hand", "[]", "", true, null)]
    [InlineData("made by an old cluster", """[{"name":"t"}]""", "", true, "Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.")]
    [InlineData("another's", """[{"name":"other"}]""", "", true, null)]
    [InlineData("marked", "[]", "2025-01-01", false, null)]
    public void A_shown_token_is_noted_and_one_of_old_clusters_warns(string why, string named, string invalidSince, bool isGood, string? warning)
    {
        Assert.NotEmpty(why);
        var pem = ECDsa.Create(ECCurve.NamedCurves.nistP256).ExportECPrivateKeyPem();
        var keys = ServiceAccountKeys.Load(pem, []);
        var token = new ServiceAccountTokenIssuer(keys, "i", _time).IssueLegacy(new NamespacedName("n", "s"), "u1", "t");
        var reader = new FixedReader()
            .With("", "serviceaccounts", $$"""{"metadata":{"namespace":"n","name":"s","uid":"u1"},"secrets":{{named}}}""")
            .With("", "secrets", new JsonObject
            {
                ["metadata"] = new JsonObject { ["namespace"] = "n", ["name"] = "t", ["uid"] = "u2", ["labels"] = new JsonObject { ["kubernetes.io/legacy-token-invalid-since"] = invalidSince } },
                ["data"] = new JsonObject { ["token"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(token)) },
            }.ToJsonString());
        List<string?> noted = [];
        var config = new AuthenticationConfig { ClientCa = [], ServiceAccountSigningKeyPem = pem, ServiceAccountIssuers = ["i"], AllowsAnonymous = true };
        var chain = Authenticators.Compose(config, keys, reader, _time, secret => noted.Add((string?)secret["metadata"]!["name"]));
        var answer = chain.Authenticate(null, new HeaderDictionary { ["Authorization"] = $"Bearer {token}" });
        Assert.Equal(isGood, answer.User?.Name == "system:serviceaccount:n:s");
        Assert.Equal(warning, answer.Warning);
        Assert.Equal(["t"], noted);
    }

    [Fact]
    public async Task A_use_is_written_once_a_day()
    {
        var cancel = TestContext.Current.CancellationToken;
        await using var api = await InMemoryApi.StartAsync();
        await api.Client.CreateAsync(new ResourceId("", "v1", "namespaces", "Namespace", false), new("", "n"), new JsonObject { ["metadata"] = new JsonObject { ["name"] = "n" } }, null, cancel);
        foreach (var name in (string[])["today", "tomorrow", "before", "never"])
        {
            var labels = new JsonObject { ["kubernetes.io/legacy-token-last-used"] = name switch { "today" => "2026-01-31", "tomorrow" => "2026-02-01", "before" => "2026-01-30", _ => null } };
            if (name == "never") labels = [];
            await api.Client.CreateAsync(Secrets, new("n", name), new JsonObject { ["metadata"] = new JsonObject { ["name"] = name, ["labels"] = labels } }, null, cancel);
        }
        Dictionary<string, long> versions = [];
        var uses = new LegacyTokenUses(() => api.Client, _time, NullLogger.Instance);
        foreach (var secret in (await api.Client.ListAsync(Secrets, new ListQuery("n"), cancel)).Items)
        {
            versions.Add(secret.Name.Name, secret.ResourceVersion);
            uses.Note(secret.ToTree());
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var run = uses.RunAsync(stop.Token);
        Dictionary<string, string?> noted;
        do
        {
            await Task.Yield();
            noted = (await api.Client.ListAsync(Secrets, new ListQuery("n"), cancel)).Items.Where(s => s.ResourceVersion != versions[s.Name.Name])
                .ToDictionary(s => s.Name.Name, s => (string?)s.ToTree()["metadata"]!["labels"]!["kubernetes.io/legacy-token-last-used"]);
        }
        while (noted.Count < 2);
        Assert.Equal(["before", "never"], noted.Keys.Order());
        Assert.All(noted.Values, day => Assert.Equal("2026-01-31", day));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
    }
}
