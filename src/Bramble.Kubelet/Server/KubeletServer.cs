using Bramble.Client;
using Bramble.Kubelet.DevicePlugins;
using Bramble.Kubelet.Node;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Stats;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Server;

/// <summary>The kubelet's HTTPS server: what the API server's log, exec and node proxy calls and metrics collectors ask. TLS 1.2 and newer; every path but
/// none is for known and allowed callers.</summary>
internal sealed class KubeletServer(
    KubeletConfig config, IKubeClient client, PodParts parts, PodWorkers workers, CgroupStats stats, Machine machine, NodeAgent node, TimeProvider time, ILoggerFactory logs)
{
    private readonly ILogger _log = logs.CreateLogger("Bramble.Kubelet.Server");
    private readonly RegistrationEndpoint _registration = new(parts.DevicePlugins);
    private readonly KubeletAccess _access = new(config, client, time);

    /// <summary>First path segments and who answers.</summary>
    private readonly Dictionary<string, IKubeletEndpoint> _endpoints = new(StringComparer.Ordinal)
    {
        ["healthz"] = new HealthEndpoint(),
        ["configz"] = new ConfigEndpoint(config),
        ["pods"] = new PodsEndpoint(workers, parts),
        ["runningpods"] = new PodsEndpoint(workers, parts),
        ["exec"] = new StreamEndpoint(new PodStreams(parts.Runtime), "exec"),
        ["attach"] = new StreamEndpoint(new PodStreams(parts.Runtime), "attach"),
        ["portForward"] = new StreamEndpoint(new PodStreams(parts.Runtime), "portForward"),
        ["containerLogs"] = new ContainerLogsEndpoint(workers, parts),
        ["stats"] = new StatsEndpoint(new StatsSummary(config, machine, workers, parts, stats, time)),
        ["metrics"] = new MetricsEndpoint(workers, parts, stats, node, time),
        ["localPath"] = new LocalPathEndpoint(),
        ["logs"] = new SystemLogsEndpoint("/var/log"),
    };

    public async Task RunAsync(CancellationToken cancel)
    {
        if (config.ServerPort == 0 || config.ServingCertificate is not { } certificate) return;
        // The empty builder: the others watch every file below the working directory for settings, log each request and take the process's signals.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<IHostLifetime, QuietLifetime>();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = 1000;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Listen(config.ServerAddress, config.ServerPort, listen => listen.UseHttps(https =>
            {
                https.ServerCertificateSelector = (_, _) => certificate();
                https.SslProtocols = System.Security.Authentication.SslProtocols.Tls12 | System.Security.Authentication.SslProtocols.Tls13;
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                // Any certificate may come; what it is worth is decided by the client CA afterwards.
                https.AllowAnyClientCertificate();
            }));
            kestrel.ListenUnixSocket(parts.DevicePlugins.Socket, listen => listen.Protocols = HttpProtocols.Http2);
        });
        await using var app = builder.Build();
        app.UseWebSockets();
        app.Run(HandleAsync);
        await app.StartAsync(cancel);
        Log.ServerListens(_log, config.ServerAddress.ToString(), config.ServerPort);
        await Task.Delay(Timeout.InfiniteTimeSpan, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await app.StopAsync(patience.Token);
    }

    private async Task HandleAsync(HttpContext http)
    {
        var cancel = http.RequestAborted;
        try
        {
            // Only root can open the socket of device plugins, and only they are answered there.
            if (http.Connection.LocalIpAddress is null)
            {
                await _registration.HandleAsync(http);
                return;
            }
            if (await _access.AuthenticateAsync(http, cancel) is not { } caller)
            {
                await AnswerAsync(http, 401, "Unauthorized");
                return;
            }
            var path = http.Request.Path.Value ?? "/";
            if (!await _access.IsAllowedAsync(caller, http.Request.Method, path, cancel))
            {
                var subresources = string.Join(", ", KubeletAccess.Subresources(path));
                await AnswerAsync(http, 403, $"Forbidden (user={caller.Name}, verb={http.Request.Method.ToLowerInvariant()}, resource=nodes, subresource(s)=[{subresources}])");
                return;
            }
            var segments = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
            if (segments.Length == 0 || !_endpoints.TryGetValue(segments[0], out var endpoint)) await AnswerAsync(http, 404, "404 page not found");
            else await endpoint.HandleAsync(http, segments[1..], cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The client left.
        }
        catch (HttpAnswerException e)
        {
            await AnswerAsync(http, e.Code, e.Message);
        }
        catch (Exception e)
        {
            Log.PartFailed(_log, $"{http.Request.Method} {http.Request.Path}", e.Message);
            await AnswerAsync(http, 500, e.Message);
        }
    }

    private static Task AnswerAsync(HttpContext http, int code, string text)
    {
        if (http.Response.HasStarted) return Task.CompletedTask;
        http.Response.StatusCode = code;
        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.WriteAsync(text);
    }
}

/// <summary>Starts and stops when told, by nobody else.</summary>
internal sealed class QuietLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancel) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancel) => Task.CompletedTask;
}

/// <summary>/healthz.</summary>
internal sealed class HealthEndpoint : IKubeletEndpoint
{
    public Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel) => http.Response.WriteAsync("ok", cancel);
}
