using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.ServiceAccounts;

/// <summary>What becomes of a token Secret that old clusters made for every account. Pure. KEP-2799: a year unused, it is marked as invalid; another year so, it
/// goes (or what --kube-controller-manager-arg says).</summary>
internal abstract record LegacyToken
{
    private const string LastUsed = "kubernetes.io/legacy-token-last-used";
    public const string InvalidSince = "kubernetes.io/legacy-token-invalid-since";

    private LegacyToken() { }

    public sealed record Keep : LegacyToken;

    public sealed record MarkInvalid(string Date) : LegacyToken;

    public sealed record Delete : LegacyToken;

    /// <param name="account">The account it is for; null: there is none, or not that one any longer.</param>
    /// <param name="isMounted">A Pod of its namespace refers to it.</param>
    /// <param name="period">How long unused, and then how long marked.</param>
    public static LegacyToken Decide(V1Secret secret, V1ServiceAccount? account, bool isMounted, TimeSpan period, DateTimeOffset now)
    {
        if (secret.Type != TokenSecret.Type || secret.IsBeingDeleted() || secret.Metadata.CreationTimestamp >= (now - period).UtcDateTime) return new Keep();
        // Dates as text: 2025-07-01 sorts as it should.
        var limit = DateOf(now - period);
        if (Label(LastUsed) is { } used && (!IsDate(used) || string.CompareOrdinal(used, limit) >= 0)) return new Keep();
        // One that a user made by hand is not named by its account: it stays.
        if (account?.Secrets?.Any(s => s.Name == secret.Metadata.Name) != true || isMounted) return new Keep();
        if (Label(InvalidSince) is not { } since || !IsDate(since)) return new MarkInvalid(DateOf(now));
        return string.CompareOrdinal(since, limit) >= 0 ? new Keep() : new Delete();

        string? Label(string name) => secret.Metadata.Labels is { } labels && labels.TryGetValue(name, out var value) ? value : null;
    }

    /// <summary>Uses have been noted for long enough that one which was not noted was none. The day itself does not count: noting may have begun late on it.</summary>
    /// <param name="tracking">The ConfigMap that says since when; null: nobody notes.</param>
    public static bool AreUsesKnown(V1ConfigMap? tracking, TimeSpan period, DateTimeOffset now) =>
        tracking?.Data is { } data && data.TryGetValue("since", out var since) && IsDate(since)
        && now >= DateTimeOffset.Parse(since, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal) + TimeSpan.FromDays(1) + period;

    private static bool IsDate(string text) => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    private static string DateOf(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}

/// <summary>Once a day, when uses have been noted for long enough.</summary>
internal sealed class LegacyTokenCleaner(ControllerContext context) : IReconciler
{
    private static readonly NamespacedName Tracking = new("kube-system", "kube-apiserver-legacy-service-account-token-tracking");
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly IInformer<V1Secret> _secrets = context.Reads(Resources.Secrets);
    private readonly IInformer<V1ServiceAccount> _accounts = context.Reads(Resources.ServiceAccounts);
    private readonly IInformer<V1Pod> _pods = context.Reads(Resources.Pods);

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        var now = context.Time.GetUtcNow();
        var tracking = (await context.Client.FindAsync(Resources.ConfigMaps, Tracking, cancel))?.Model<V1ConfigMap>();
        if (!LegacyToken.AreUsesKnown(tracking, context.Config.LegacyTokenPeriod, now)) return Requeue.After(Day);
        foreach (var secret in _secrets.List().Where(s => s.Type == TokenSecret.Type)) await LookAsync(secret, now, cancel);
        return Requeue.After(Day);
    }

    private async Task LookAsync(V1Secret secret, DateTimeOffset now, CancellationToken cancel)
    {
        var name = secret.NamespacedName();
        try
        {
            switch (LegacyToken.Decide(secret, AccountOf(secret), _pods.List(name.Namespace).Any(p => Mentions(p, name.Name)), context.Config.LegacyTokenPeriod, now))
            {
                case LegacyToken.MarkInvalid(var date):
                    var labels = new JsonObject { ["metadata"] = new JsonObject { ["uid"] = secret.Metadata.Uid, ["labels"] = new JsonObject { [LegacyToken.InvalidSince] = date } } };
                    await context.Client.MergePatchAsync(Resources.Secrets, name, labels, null, cancel);
                    break;
                case LegacyToken.Delete:
                    await context.Client.DeleteAsync(Resources.Secrets, name, new DeleteQuery(ResourceVersion: secret.Metadata.ResourceVersion), cancel);
                    break;
            }
        }
        catch (StatusException e) when (e.IsConflict || e.IsNotFound)
        {
            // Changed this moment: perhaps used. Tomorrow is early enough.
        }
    }

    private V1ServiceAccount? AccountOf(V1Secret secret) =>
        TokenSecret.AccountOf(secret) is { } name && _accounts.Find(name) is { } account && TokenSecret.IsOf(secret, account) ? account : null;

    private bool Mentions(V1Pod pod, string secret) => _pods.FindObject(pod.NamespacedName()) is { } found && PodReferences.Of(found).Secrets.Contains(secret);
}
