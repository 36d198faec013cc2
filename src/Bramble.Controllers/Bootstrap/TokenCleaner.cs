using System.Globalization;
using System.Text;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Bootstrap;

/// <summary>Removes bootstrap tokens (by which nodes join) when their time is over.</summary>
internal sealed class TokenCleaner : IReconciler
{
    private const string TokenType = "bootstrap.kubernetes.io/token";

    private readonly ControllerContext _context;
    private readonly IInformer<V1Secret> _secrets;

    public TokenCleaner(ControllerContext context)
    {
        _context = context;
        _secrets = context.Watches(Resources.Secrets, change =>
        {
            if (change.New is { Type: TokenType } && change.Name.Namespace == "kube-system") context.Queue.Add(change.Name);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_secrets.Find(name) is not { Type: TokenType } secret) return Requeue.Never;
        if (secret.Data is null || !secret.Data.TryGetValue("expiration", out var bytes)) return Requeue.Never;      // good for ever
        // What is no time is over: nobody can say how long such a token was meant to be good.
        if (DateTimeOffset.TryParse(Encoding.UTF8.GetString(bytes), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var end))
        {
            var left = end - _context.Time.GetUtcNow();
            if (left > TimeSpan.Zero) return Requeue.After(left);
        }
        await _context.Client.DeleteAsync(Resources.Secrets, name, new DeleteQuery(Uid: secret.Metadata.Uid), cancel);
        return Requeue.Never;
    }
}
