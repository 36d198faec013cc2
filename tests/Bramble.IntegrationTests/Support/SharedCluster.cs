namespace Bramble.IntegrationTests.Support;

/// <summary>The cluster of one that the tests share: a server with K3s' defaults on a fresh host. BRAMBLE_SHARED_HOST and
/// BRAMBLE_SHARED_NUMBER name another one, so that two runs on one machine do not meet.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    private Cluster? cluster;

    internal Cluster Cluster => cluster ?? throw new InvalidOperationException("the cluster did not start");

    public async ValueTask InitializeAsync() => cluster = await Cluster.Start(
        Environment.GetEnvironmentVariable("BRAMBLE_SHARED_HOST") ?? "shared", int.Parse(Environment.GetEnvironmentVariable("BRAMBLE_SHARED_NUMBER") ?? "200"));

    public async ValueTask DisposeAsync()
    {
        if (cluster is not null) await cluster.DisposeAsync();
    }
}
