using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.InProcess;
using Bramble.ApiServer.Serving;
using Bramble.ApiServer.SpecialResources;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;
using Bramble.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Bramble.ApiServer.Tests;

/// <summary>The real pipeline (strategies, admission, authorization, watch cache) over a store in memory, without HTTP.</summary>
internal sealed class InMemoryApi : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loading;

    private InMemoryApi(IStore store, WatchCache cache, TimeProvider time, Random? seeded, AdmissionSettings? admission)
    {
        Cache = cache;
        _loading = cache.RunAsync(_stop.Token);
        var (authorizer, rbac) = Authorizers.Compose(cache, servesIngress: true);
        InProcessClient? client = null;
        var parts = new ApiServerParts
        {
            Strategies = BuiltInStrategies.All(new ServiceNetwork([System.Net.IPNetwork.Parse("10.43.0.0/16")], 30000, 32767), () => client!),
            Admission = AdmissionPlugins.Compose(authorizer, rbac, () => client!, time, settings: admission),
            Authorizer = authorizer,
            SpecialEndpoints = SpecialEndpoints.OfPods(time),
            Views = ScaleView.BuiltIn,
        };
        Pipeline = new ApiPipeline(cache, store, new ApiServerOptions { Seeded = seeded }, parts, time, NullLoggerFactory.Instance);
        Client = client = new InProcessClient(Pipeline, UserInfo.Loopback, "test");
    }

    public ApiPipeline Pipeline { get; }

    /// <summary>The API as its own administrator.</summary>
    public InProcessClient Client { get; }

    public WatchCache Cache { get; }

    public static Task<InMemoryApi> StartAsync() => StartAsync(new MemoryStore(), TimeProvider.System, null);

    /// <param name="seeded">Decides what else chance does.</param>
    public static async Task<InMemoryApi> StartAsync(IStore store, TimeProvider time, Random? seeded, AdmissionSettings? admission = null)
    {
        var api = new InMemoryApi(store, new WatchCache(store, time, NullLoggerFactory.Instance), time, seeded, admission);
        await api.Cache.Ready;
        return api;
    }

    public async ValueTask DisposeAsync()
    {
        _stop.Cancel();
        await _loading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        _stop.Dispose();
    }
}
