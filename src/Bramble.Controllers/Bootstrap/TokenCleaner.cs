using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Bootstrap;

/// <summary>Removes bootstrap tokens (by which nodes join) when their time is over.</summary>
internal sealed class TokenCleaner : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Secret> _secrets;

    public TokenCleaner(ControllerContext context)
    {
        _context = context;
        _secrets = context.Watches(Resources.Secrets, change =>
        {
            if (change.New is { Type: BootstrapToken.Type } && change.Name.Namespace == "kube-system") context.Queue.Add(change.Name);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_secrets.Find(name) is not { Type: BootstrapToken.Type } secret) return Requeue.Never;
        var left = BootstrapToken.Left(secret, _context.Time.GetUtcNow());
        if (left == TimeSpan.MaxValue) return Requeue.Never;      // good for ever
        if (left > TimeSpan.Zero) return Requeue.After(left);
        await _context.Client.DeleteAsync(Resources.Secrets, name, new DeleteQuery(Uid: secret.Metadata.Uid), cancel);
        return Requeue.Never;
    }
}
