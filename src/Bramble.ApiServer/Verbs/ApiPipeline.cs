using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Serving;
using Bramble.Storage;
using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Verbs;

/// <summary>Every API request after authentication: authorize, decode, strategy, admission, store, watch cache. Knows no HTTP. Thread-safe.</summary>
public sealed class ApiPipeline(WatchCache cache, IStore store, ApiServerOptions options, ApiServerParts parts, TimeProvider time, ILoggerFactory logs)
{
    internal WatchCache Cache { get; } = cache;
    internal IStore Store { get; } = store;
    internal ApiServerOptions Options { get; } = options;
    internal ApiServerParts Parts { get; } = parts;
    internal TimeProvider Time { get; } = time;
    internal ILogger Log { get; } = logs.CreateLogger("apiserver");
}
