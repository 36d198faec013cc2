using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Storage;
using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Caching;

/// <summary>The cluster's state in memory, one cache a resource, fed by one list and one watch of the store. Serves every get, list and watch.</summary>
public sealed class WatchCache(IStore store, TimeProvider time, ILoggerFactory logs) : IResourceReader
{
    internal IStore Store { get; } = store;
    internal TimeProvider Time { get; } = time;
    internal ILogger Log { get; } = logs.CreateLogger("cache");

    /// <summary>Loads everything, then follows the store until cancelled. <see cref="Ready"/> is done when the first load is in.</summary>
    public Task RunAsync(CancellationToken cancel) => throw new NotSupportedException();

    public Task Ready => throw new NotSupportedException();

    public KubeObject? Find(GroupResource resource, NamespacedName name) => throw new NotSupportedException();

    public IReadOnlyCollection<KubeObject> List(GroupResource resource, string ns = "") => throw new NotSupportedException();

    public long Revision(GroupResource resource) => throw new NotSupportedException();
}
