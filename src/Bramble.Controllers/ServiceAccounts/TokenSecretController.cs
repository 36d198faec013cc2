using System.Collections.Concurrent;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.ServiceAccounts;

/// <summary>Fills Secrets that keep a service account's token, and removes them with their account.</summary>
internal sealed class TokenSecretController : IReconciler
{
    private const string ByAccount = "secrets/account";

    private readonly ControllerContext _context;
    private readonly Func<NamespacedName, string, string, string> _issue;
    private readonly IInformer<V1Secret> _secrets;
    private readonly IInformer<V1ServiceAccount> _accounts;
    private readonly ConcurrentDictionary<NamespacedName, V1Secret> _gone = new();

    /// <param name="issue">Signs a token without an end: account, its uid, name of the Secret.</param>
    public TokenSecretController(ControllerContext context, Func<NamespacedName, string, string, string> issue)
    {
        (_context, _issue) = (context, issue);
        _secrets = context.Watches(Resources.Secrets, change =>
        {
            if (change.Old is { } old && change.New?.Metadata.Uid != old.Metadata.Uid && TokenSecret.AccountOf(old) is not null) _gone[change.Name] = old;
            if (TokenSecret.AccountOf((change.New ?? change.Old)!) is not null || _gone.ContainsKey(change.Name)) context.Queue.Add(change.Name);
        });
        _secrets.AddIndex(ByAccount, s => TokenSecret.AccountOf(s) is { } account ? [account.ToString()] : []);
        _accounts = context.Watches(Resources.ServiceAccounts, change =>
        {
            if (change.Old is not null && change.New?.Metadata.Uid == change.Old.Metadata.Uid) return;
            foreach (var secret in _secrets.ByIndex(ByAccount, change.Name.ToString())) context.Queue.Add(secret.NamespacedName());
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await DropReferenceAsync(name, cancel);
        if (_secrets.FindObject(name) is not { } found || TokenSecret.AccountOf(found.Model<V1Secret>()) is not { } accountName) return Requeue.Never;
        var account = _accounts.Find(accountName);
        // Before a Secret is removed the API is asked: the copy of accounts may be older than that of Secrets.
        if (!TokenSecret.IsOf(found.Model<V1Secret>(), account)) account = (await _context.Client.FindAsync(Resources.ServiceAccounts, accountName, cancel))?.Model<V1ServiceAccount>();
        switch (TokenSecret.Decide(found, account, _context.Config.RootCaPem, a => _issue(accountName, a.Metadata.Uid, name.Name)))
        {
            case TokenSecret.Delete:
                await _context.Client.DeleteAsync(Resources.Secrets, name, new DeleteQuery(Uid: found.Uid), cancel);
                break;
            case TokenSecret.Fill(var filled):
                await _context.Client.UpdateAsync(Resources.Secrets, filled, null, cancel);
                break;
        }
        return Requeue.Never;
    }

    /// <summary>Only its own account forgets a Secret that is gone: others name it for reasons of their own.</summary>
    private async Task DropReferenceAsync(NamespacedName name, CancellationToken cancel)
    {
        if (!_gone.TryGetValue(name, out var secret)) return;
        if (TokenSecret.AccountOf(secret) is { } accountName && TokenSecret.IsOf(secret, _accounts.Find(accountName))
            && TokenSecret.WithoutReference(_accounts.FindObject(accountName)!, name.Name) is { } account)
            await _context.Client.UpdateAsync(Resources.ServiceAccounts, account, null, cancel);
        _gone.TryRemove(new KeyValuePair<NamespacedName, V1Secret>(name, secret));
    }
}
