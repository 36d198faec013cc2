using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.ServiceAccounts;

/// <summary>Fills Secrets of type kubernetes.io/service-account-token, and removes them with their account.</summary>
/// <param name="context">What it runs with.</param>
/// <param name="issue">Signs a token without an end: account, its uid, name of the Secret.</param>
internal sealed class TokenSecretController(ControllerContext context, Func<NamespacedName, string, string, string> issue) : IReconciler
{
    private const string TokenType = "kubernetes.io/service-account-token";
    private const string NameAnnotation = "kubernetes.io/service-account.name";
    private const string UidAnnotation = "kubernetes.io/service-account.uid";
    private const string ByAccount = "secrets/account";

    private readonly IInformer<V1Secret> _secrets = WatchSecrets(context);
    private readonly IInformer<V1ServiceAccount> _accounts = context.Watches(Resources.ServiceAccounts, change =>
    {
        if (change.Old is not null && change.New?.Metadata.Uid == change.Old.Metadata.Uid) return;
        foreach (var secret in context.Informers.For(Resources.Secrets).ByIndex(ByAccount, change.Name.ToString())) context.Queue.Add(secret.NamespacedName());
    });

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_secrets.FindObject(name) is not { } found)
        {
            await DropReferencesAsync(name, cancel);
            return Requeue.Never;
        }
        if (AccountOf(found.Model<V1Secret>()) is not { } accountName) return Requeue.Never;
        var secret = found.Model<V1Secret>();
        var wantedUid = secret.Metadata.Annotations.TryGetValue(UidAnnotation, out var uid) && uid.Length > 0 ? uid : null;
        var account = _accounts.Find(accountName);
        // Before a Secret is removed the API is asked: the copy of accounts may be older than that of Secrets.
        if (account is null || (wantedUid is not null && account.Metadata.Uid != wantedUid))
            account = (await context.Client.FindAsync(Resources.ServiceAccounts, accountName, cancel))?.Model<V1ServiceAccount>();
        if (account is null || (wantedUid is not null && account.Metadata.Uid != wantedUid))
        {
            await context.Client.DeleteAsync(Resources.Secrets, name, new DeleteQuery(Uid: found.Uid), cancel);
            return Requeue.Never;
        }
        var tree = found.ToTree();
        if (tree["data"] is not JsonObject data) tree["data"] = data = [];
        var annotations = tree["metadata"]!["annotations"]!.AsObject();
        var before = data.DeepClone();
        if (context.Config.RootCaPem.Length > 0) data["ca.crt"] = Encode(context.Config.RootCaPem);
        if (string.IsNullOrEmpty((string?)data["namespace"])) data["namespace"] = Encode(name.Namespace);
        if (string.IsNullOrEmpty((string?)data["token"])) data["token"] = Encode(issue(accountName, account.Metadata.Uid, name.Name));
        if (JsonNode.DeepEquals(before, data)) return Requeue.Never;
        annotations[UidAnnotation] = account.Metadata.Uid;
        await context.Client.UpdateAsync(Resources.Secrets, tree, null, cancel);
        return Requeue.Never;
    }

    /// <summary>Accounts of old clusters name the token Secrets that were made for them: one that is gone is named no longer.</summary>
    private async Task DropReferencesAsync(NamespacedName secret, CancellationToken cancel)
    {
        foreach (var account in _accounts.List(secret.Namespace).Where(a => a.Secrets?.Any(s => s.Name == secret.Name) == true))
        {
            if (_accounts.FindObject(account.NamespacedName())?.ToTree() is not { } tree || tree["secrets"] is not JsonArray named) continue;
            tree["secrets"] = new JsonArray([.. named.Where(n => (string?)n?["name"] != secret.Name).Select(n => n!.DeepClone())]);
            await context.Client.UpdateAsync(Resources.ServiceAccounts, tree, null, cancel);
        }
    }

    private static IInformer<V1Secret> WatchSecrets(ControllerContext context)
    {
        var secrets = context.Watches(Resources.Secrets, change =>
        {
            if (AccountOf((change.New ?? change.Old)!) is not null) context.Queue.Add(change.Name);
        });
        secrets.AddIndex(ByAccount, s => AccountOf(s) is { } account ? [account.ToString()] : []);
        return secrets;
    }

    private static NamespacedName? AccountOf(V1Secret secret) =>
        secret.Type == TokenType && secret.Metadata.Annotations is { } annotations && annotations.TryGetValue(NameAnnotation, out var account) && account.Length > 0
            ? new NamespacedName(secret.Metadata.NamespaceProperty, account) : null;

    private static string Encode(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
