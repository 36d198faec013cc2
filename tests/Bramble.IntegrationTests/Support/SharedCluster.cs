namespace Bramble.IntegrationTests.Support;

/// <summary>The cluster of one that the tests share: a server with K3s' defaults on a fresh host.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    private Cluster? cluster;

    internal Cluster Cluster => cluster ?? throw new InvalidOperationException("the cluster did not start");

    public async ValueTask InitializeAsync() => cluster = await Cluster.Start("shared", 200);

    public async ValueTask DisposeAsync()
    {
        if (cluster is not null) await cluster.DisposeAsync();
    }
}
