using System.Globalization;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Authentication;

/// <summary>Notes on a token's Secret the day on which the token was last used: what cleans such Secrets up takes none that is in use. KEP-2799.</summary>
/// <remarks>One task writes; no request waits for it. Thread-safe.</remarks>
public sealed class LegacyTokenUses(Func<IKubeClient> client, TimeProvider time, ILogger log)
{
    private const string LastUsed = "kubernetes.io/legacy-token-last-used";
    private const int WaitingMax = 64;

    private static readonly ResourceId Secrets = new("", "v1", "secrets", "Secret", true);

    /// <summary>What finds no room is noted at the next use.</summary>
    private readonly Channel<(NamespacedName Secret, string Uid)> _uses =
        Channel.CreateBounded<(NamespacedName, string)>(new BoundedChannelOptions(WaitingMax) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    /// <summary>The token of this Secret was shown. Once a day that is written; another server's clock may be at tomorrow already.</summary>
    public void Note(JsonObject secret)
    {
        var metadata = secret["metadata"]!;
        var noted = (string?)metadata["labels"]?[LastUsed];
        var now = time.GetUtcNow();
        if (noted == Day(now) || noted == Day(now.AddDays(1))) return;
        _uses.Writer.TryWrite((new NamespacedName((string?)metadata["namespace"] ?? "", (string?)metadata["name"] ?? ""), (string?)metadata["uid"] ?? ""));
    }

    public async Task RunAsync(CancellationToken cancel)
    {
        await foreach (var (secret, uid) in _uses.Reader.ReadAllAsync(cancel)) await WriteAsync(secret, uid, cancel);
    }

    private async Task WriteAsync(NamespacedName secret, string uid, CancellationToken cancel)
    {
        try
        {
            var patch = new JsonObject { ["metadata"] = new JsonObject { ["uid"] = uid, ["labels"] = new JsonObject { [LastUsed] = Day(time.GetUtcNow()) } } };
            await client().MergePatchAsync(Secrets, secret, patch, null, cancel);
        }
        catch (StatusException e)
        {
            AuthenticationLog.UseNotNoted(log, secret, e.Message);
        }
    }

    private static string Day(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}

internal static partial class AuthenticationLog
{
    [LoggerMessage(3501, LogLevel.Warning, "The use of the token in Secret {Secret} could not be noted: {Why}")]
    public static partial void UseNotNoted(ILogger logger, NamespacedName secret, string why);
}
