using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client.Http;
using Bramble.Configuration;
using Bramble.Flags;
using Bramble.Supervisor.Kubeconfigs;
using Bramble.Supervisor.Layout;
using Bramble.Supervisor.Pki;
using Bramble.Supervisor.Tokens;

namespace Bramble.Commands;

/// <summary><c>bramble token</c>, as K3s' <c>k3s token</c>: how machines get in.</summary>
internal static class TokenCommand
{
    private static readonly Flag Kubeconfig = new("kubeconfig", FlagKind.Text, "Administrator's kubeconfig", null, "KUBECONFIG", KubeconfigFile.DefaultPath);
    private static readonly Flag Description = new("description", FlagKind.Text, "What the token is for");
    private static readonly Flag Groups = new("groups", FlagKind.List, "Groups of who uses the token", null, null, "system:bootstrappers:k3s:default-node-token");
    private static readonly Flag Ttl = new("ttl", FlagKind.Duration, "Life of the token; 0: for ever", null, null, "24h0m0s");
    private static readonly Flag Usages = new("usages", FlagKind.List, "What the token is good for", null, null, "signing,authentication");
    private static readonly Flag Output = new("output", FlagKind.Text, "text, json or yaml", ["o"], null, "text");
    private static readonly Flag OldToken = new("token", FlagKind.Text, "Token of now (default: server/token)", ["t"], "K3S_TOKEN");
    private static readonly Flag Server = new("server", FlagKind.Text, "Server to ask", ["s"], "K3S_URL", "https://127.0.0.1:6443");
    private static readonly Flag NewToken = new("new-token", FlagKind.Text, "Token from now on (default: made of chance)");

    private static readonly IReadOnlyDictionary<string, (IReadOnlyList<Flag> Flags, Func<FlagSet, Task> Run)> Subcommands =
        new Dictionary<string, (IReadOnlyList<Flag>, Func<FlagSet, Task>)>(StringComparer.Ordinal)
        {
            ["create"] = ([ServerFlags.DataDir, Kubeconfig, Description, Groups, Ttl, Usages], CreateAsync),
            ["delete"] = ([ServerFlags.DataDir, Kubeconfig], DeleteAsync),
            ["generate"] = ([ServerFlags.DataDir, Kubeconfig], _ => Console.Out.WriteLineAsync(BootstrapTokens.Generate())),
            ["list"] = ([ServerFlags.DataDir, Kubeconfig, Output], ListAsync),
            ["rotate"] = ([ServerFlags.DataDir, Kubeconfig, OldToken, Server, NewToken], RotateAsync),
        };

    public static async Task<int> RunAsync(string[] words)
    {
        if (words.Length == 0 || words[0] is "-h" or "--help" or "help")
        {
            Console.Out.WriteLine("Usage: bramble token create|delete|generate|list|rotate [FLAGS]\n\nTokens by which machines join the cluster.");
            return ExitCode.Ok;
        }
        if (!Subcommands.TryGetValue(words[0], out var subcommand)) throw new UsageException($"token has no command \"{words[0]}\"; it has {string.Join(", ", Subcommands.Keys)}");
        if (words[1..].Any(word => word is "-h" or "--help"))
        {
            Console.Out.WriteLine($"Usage: bramble token {words[0]} [FLAGS]\n");
            foreach (var flag in subcommand.Flags) Console.Out.WriteLine($"  {$"--{flag.Name}",-16}{flag.Help}{(flag.Default is { Length: > 0 } standard ? $" (default: {standard})" : "")}");
            return ExitCode.Ok;
        }
        try
        {
            await subcommand.Run(FlagSet.Parse(subcommand.Flags, words[1..], Environment.GetEnvironmentVariable));
            return ExitCode.Ok;
        }
        catch (Exception failed) when (failed is StatusException or InvalidDataException or HttpRequestException or FormatException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"bramble: {failed.Message}");
            return ExitCode.Failed;
        }
    }

    private static async Task CreateAsync(FlagSet flags)
    {
        if (flags.Arguments.Count > 1) throw new UsageException("token create takes one token at most");
        var token = JoinToken.Parse(flags.Arguments.FirstOrDefault() ?? BootstrapTokens.Generate());
        if (!token.IsBootstrap) throw new UsageException("a bootstrap token looks like abcdef.0123456789abcdef; let one be made: bramble token create");
        using var api = Connect(flags, out var caPem);
        await new BootstrapTokens(api, TimeProvider.System).CreateAsync(
            token.BootstrapId, token.BootstrapSecret, flags.Text(Description, ""), flags.Split(Groups), flags.Split(Usages), Life(flags.Text(Ttl)!), CancellationToken.None);
        Console.Out.WriteLine(token with { CaHash = CertificateAuthority.HashOfServedBundle(caPem) });
    }

    private static async Task DeleteAsync(FlagSet flags)
    {
        if (flags.Arguments.Count == 0) throw new UsageException("token delete needs the token or its id (the part before the dot)");
        using var api = Connect(flags, out _);
        foreach (var argument in flags.Arguments)
        {
            var id = argument.Length == 6 ? argument : JoinToken.Parse(argument).BootstrapId;
            if (id.Length == 0) throw new UsageException("token delete takes bootstrap tokens only; another server token is made by: bramble token rotate");
            if (!await new BootstrapTokens(api, TimeProvider.System).DeleteAsync(id, CancellationToken.None)) throw new InvalidDataException($"there is no bootstrap token \"{id}\"; bramble token list names all");
            Console.Out.WriteLine($"bootstrap token \"{id}\" deleted");
        }
    }

    private static async Task ListAsync(FlagSet flags)
    {
        using var api = Connect(flags, out _);
        var tokens = await new BootstrapTokens(api, TimeProvider.System).ListAsync(CancellationToken.None);
        var format = flags.Text(Output);
        if (format is "json" or "yaml")
        {
            var list = new JsonArray([.. tokens.Select(Describe)]);
            // JSON is YAML too.
            Console.Out.WriteLine(list.ToJsonString());
            return;
        }
        if (format != "text") throw new UsageException($"--output: \"{format}\" is not text, json or yaml");
        var rows = tokens.Select(token => new[]
        {
            token.Id, token.Expires is { } expires ? Left(expires - DateTimeOffset.UtcNow) : "<forever>",
            token.Expires is { } at ? at.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) : "<never>",
            Listed(token.Usages), token.Description.Length > 0 ? token.Description : "<none>", Listed(token.Groups),
        }).Prepend(["TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS"]).ToList();
        var widths = Enumerable.Range(0, 6).Select(column => Math.Max(10, rows.Max(row => row[column].Length) + 3)).ToArray();
        foreach (var row in rows)
            Console.Out.WriteLine(string.Concat(row.Select((cell, column) => column == 5 ? cell : cell.PadRight((widths[column] + 3) / 4 * 4))));
    }

    // K3s' fields; what is empty is left out as there. The secret stays where it is: with a list one only wants to know what there is.
    private static JsonObject Describe(BootstrapToken token)
    {
        var described = new JsonObject { ["token"] = token.Id };
        if (token.Description.Length > 0) described["description"] = token.Description;
        if (token.Expires is { } expires) described["expires"] = expires.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        if (token.Usages.Count > 0) described["usages"] = new JsonArray([.. token.Usages.Select(u => (JsonNode)u)]);
        if (token.Groups.Count > 0) described["groups"] = new JsonArray([.. token.Groups.Select(g => (JsonNode)g)]);
        return described;
    }

    private static async Task RotateAsync(FlagSet flags)
    {
        var stored = new DataLayout(flags.Text(ServerFlags.DataDir, DataLayout.Default)).Token;
        var text = flags.Text(OldToken) is { Length: > 0 } given ? given
            : File.Exists(stored) ? await File.ReadAllTextAsync(stored) : throw new UsageException($"{stored} does not exist: give the token of now with --token");
        var old = JoinToken.Parse(text);
        var (_, caPem, _) = KubeconfigFile.ReadAdmin(flags.Text(Kubeconfig)!);
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPem(caPem);
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(authorities);
        using var http = new HttpClient(new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = policy } });
        using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(new Uri(flags.Text(Server)!), "/v1-k3s/token"))
        {
            Content = new StringContent(new JsonObject { ["newToken"] = flags.Text(NewToken, "") }.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"server:{old.Password}")));
        using var answer = await http.SendAsync(request);
        if (answer.StatusCode == System.Net.HttpStatusCode.Unauthorized) throw new InvalidDataException("the server does not accept the token of now; give it with --token");
        answer.EnsureSuccessStatusCode();
        Console.Out.WriteLine("Token rotated, restart k3s nodes with new token");
    }

    private static HttpKubeClient Connect(FlagSet flags, out string caPem)
    {
        (var server, caPem, var client) = KubeconfigFile.ReadAdmin(flags.Text(Kubeconfig)!.Split(':')[0]);
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPem(caPem);
        return new HttpKubeClient(new HttpKubeClientOptions(server, authorities, client));
    }

    /// <summary>Go's durations of hours, minutes and seconds: <c>24h</c>, <c>1h30m</c>, <c>0</c>.</summary>
    internal static TimeSpan Life(string text)
    {
        if (text == "0") return TimeSpan.Zero;
        var life = TimeSpan.Zero;
        var number = "";
        foreach (var letter in text)
        {
            if (char.IsAsciiDigit(letter) || letter == '.')
            {
                number += letter;
                continue;
            }
            if (!double.TryParse(number, CultureInfo.InvariantCulture, out var value) || letter is not ('h' or 'm' or 's')) break;
            life += letter switch { 'h' => TimeSpan.FromHours(value), 'm' => TimeSpan.FromMinutes(value), _ => TimeSpan.FromSeconds(value) };
            number = "";
        }
        return number.Length == 0 && text.Length > 0 && char.IsAsciiLetterLower(text[^1]) && text[^1] is 'h' or 'm' or 's' ? life : throw new UsageException($"--ttl: \"{text}\" is no duration like 24h or 1h30m");
    }

    /// <summary>The largest unit of it, as kubectl shows short durations.</summary>
    internal static string Left(TimeSpan left) => left switch
    {
        { TotalSeconds: < -1 } => "<invalid>",
        { TotalSeconds: < 0 } => "0s",
        { TotalMinutes: < 1 } => $"{(int)left.TotalSeconds}s",
        { TotalHours: < 1 } => $"{(int)left.TotalMinutes}m",
        { TotalDays: < 1 } => $"{(int)left.TotalHours}h",
        { TotalDays: < 365 } => $"{(int)left.TotalDays}d",
        _ => $"{(int)(left.TotalDays / 365)}y",
    };

    private static string Listed(IReadOnlyList<string> items) => items.Count == 0 ? "<none>" : string.Join(',', items);
}
