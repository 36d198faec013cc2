using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using Grpc.Core;
using Grpc.Net.Client;
using k8s.Models;

namespace Bramble.Kubelet.Probes;

/// <summary>Runs one probe or one hook against a container: exec, http, tcp, grpc, sleep. A failure is an answer, not an exception.</summary>
internal sealed class Prober(IRuntimeService runtime, TimeProvider time) : IDisposable
{
    private const int BodyMax = 10 << 10;
    private const int RedirectsMax = 10;

    // Each probe on a connection of its own, as upstream: a kept one would hide that the server no longer accepts.
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        UseCookies = false,
        PooledConnectionLifetime = TimeSpan.Zero,
        ActivityHeadersPropagator = null,
        SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true },
    });

    public void Dispose() => _http.Dispose();

    public async Task<ProbeOutcome> ProbeAsync(V1Probe probe, V1Container container, string containerId, string podIp, CancellationToken cancel)
    {
        var timeout = TimeSpan.FromSeconds(probe.TimeoutSeconds ?? 1);
        try
        {
            if (probe.Exec is { } exec) return await ExecAsync(exec.Command, containerId, timeout, cancel);
            if (probe.HttpGet is { } get) return await HttpAsync(get, container, podIp, timeout, "kube-probe/1.36", cancel);
            if (probe.TcpSocket is { } tcp)
                return await TcpAsync(string.IsNullOrEmpty(tcp.Host) ? podIp : tcp.Host, ProbeTargets.Port(container, tcp.Port), timeout, cancel);
            if (probe.Grpc is { } grpc) return await GrpcAsync(podIp, grpc.Port, grpc.Service ?? "", timeout, cancel);
            return new(false, "missing probe handler");
        }
        catch (FormatException e)
        {
            return new(false, e.Message);
        }
    }

    /// <summary>A lifecycle hook; without a bound of its own it may take as long as the caller lets it.</summary>
    public async Task<ProbeOutcome> RunHookAsync(V1LifecycleHandler hook, V1Pod pod, V1Container container, string containerId, string podIp, TimeSpan timeout, CancellationToken cancel)
    {
        var where = $"for Container \"{container.Name}\" in Pod \"{pod.Described()}\" failed - error: ";
        if (hook.Exec is { } exec)
        {
            var ran = await ExecAsync(exec.Command, containerId, timeout, cancel);
            return ran.IsSuccess ? ran : new(false, $"Exec lifecycle hook ([{string.Join(' ', exec.Command)}]) {where}{ran.Output}, message: {Bramble.Api.Errors.FieldError.Quote(ran.Output)}");
        }
        if (hook.HttpGet is { } get)
        {
            var asked = await HttpAsync(get, container, podIp, timeout, "kube-lifecycle/1.36", cancel);
            return asked.IsSuccess ? asked : new(false, $"HTTP lifecycle hook ({get.Path}) {where}{asked.Output}");
        }
        if (hook.Sleep is { } sleep)
        {
            var wanted = TimeSpan.FromSeconds(sleep.Seconds);
            await Task.Delay(wanted < timeout ? wanted : timeout, time, cancel);
            return new(true, "");
        }
        return new(false, "Cannot run handler: invalid handler: no handler is set");
    }

    private async Task<ProbeOutcome> ExecAsync(IEnumerable<string> command, string containerId, TimeSpan timeout, CancellationToken cancel)
    {
        try
        {
            var answer = await runtime.ExecSyncAsync(containerId, command, timeout, cancel);
            var output = answer.Stdout.ToStringUtf8() + answer.Stderr.ToStringUtf8();
            if (output.Length > BodyMax) output = output[..BodyMax];
            return new(answer.ExitCode == 0, output);
        }
        catch (RuntimeException e) when (e.IsTimeout)
        {
            return new(false, $"command timed out: \"{string.Join(' ', command)}\" timed out after {Backoff.Text(timeout)}");
        }
        catch (RuntimeException e)
        {
            return new(false, e.Message);
        }
    }

    private async Task<ProbeOutcome> HttpAsync(V1HTTPGetAction get, V1Container container, string podIp, TimeSpan timeout, string agent, CancellationToken cancel)
    {
        var url = ProbeTargets.Url(get, container, podIp);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bound.CancelAfter(timeout);
        try
        {
            for (var redirects = 0; ; redirects++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, url);
                request.Headers.ConnectionClose = true;
                foreach (var header in get.HttpHeaders ?? [])
                {
                    if (header.Name.Equals("Host", StringComparison.OrdinalIgnoreCase)) request.Headers.Host = header.Value;
                    else request.Headers.TryAddWithoutValidation(header.Name, header.Value);
                }
                if (!request.Headers.Contains("User-Agent")) request.Headers.TryAddWithoutValidation("User-Agent", agent);
                if (!request.Headers.Contains("Accept")) request.Headers.TryAddWithoutValidation("Accept", "*/*");
                using var answer = await _http.SendAsync(request, bound.Token);
                var code = (int)answer.StatusCode;
                if (code is 301 or 302 or 303 or 307 or 308 && answer.Headers.Location is { } location && redirects < RedirectsMax)
                {
                    var next = new Uri(url, location);
                    // A redirect to another host counts as success: the server answers.
                    if (next.Host != url.Host) return new(true, "Probe terminated redirects");
                    url = next;
                    continue;
                }
                return code is >= 200 and < 400
                    ? new(true, await BodyAsync(answer, bound.Token))
                    : new(false, $"HTTP probe failed with statuscode: {code}");
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new(false, $"Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
        }
        catch (HttpRequestException e)
        {
            return new(false, $"Get \"{url}\": {DialError(e.InnerException, url.Host.Trim('[', ']'), url.Port) ?? e.Message}");
        }
    }

    private static async Task<string> BodyAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        await using var stream = await answer.Content.ReadAsStreamAsync(cancel);
        var buffer = new byte[BodyMax];
        var length = await stream.ReadAtLeastAsync(buffer, BodyMax, throwOnEndOfStream: false, cancel);
        return Encoding.UTF8.GetString(buffer, 0, length);
    }

    private static async Task<ProbeOutcome> TcpAsync(string host, int port, TimeSpan timeout, CancellationToken cancel)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        bound.CancelAfter(timeout);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(host, port, bound.Token);
            return new(true, "");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new(false, $"dial tcp {Address(host, port)}: i/o timeout");
        }
        catch (SocketException e)
        {
            return new(false, DialError(e, host, port)!);
        }
    }

    private static async Task<ProbeOutcome> GrpcAsync(string host, int port, string service, TimeSpan timeout, CancellationToken cancel)
    {
        var address = Address(host, port);
        using var channel = GrpcChannel.ForAddress($"http://{address}", new GrpcChannelOptions { HttpHandler = new SocketsHttpHandler { UseProxy = false }, DisposeHttpClient = true });
        try
        {
            var answer = await new Health.HealthClient(channel).CheckAsync(
                new HealthCheckRequest { Service = service }, deadline: DateTime.UtcNow + timeout, cancellationToken: cancel);
            return answer.Status == HealthCheckResponse.Types.ServingStatus.Serving
                ? new(true, "service is serving")
                : new(false, $"service unhealthy (responded with \"{answer.Status switch { HealthCheckResponse.Types.ServingStatus.NotServing => "NOT_SERVING", HealthCheckResponse.Types.ServingStatus.ServiceUnknown => "SERVICE_UNKNOWN", _ => "UNKNOWN" }}\")");
        }
        catch (RpcException e) when (!cancel.IsCancellationRequested)
        {
            return new(false, e.StatusCode switch
            {
                StatusCode.Unimplemented => $"this server does not implement the grpc health protocol (grpc.health.v1.Health): {e.Status.Detail}",
                StatusCode.DeadlineExceeded => $"timeout: health rpc did not complete within {Backoff.Text(timeout)}",
                _ => $"failed to connect service \"{address}\" within {Backoff.Text(timeout)}: {e.Status.Detail}",
            });
        }
    }

    private static string Address(string host, int port) => host.Contains(':') ? $"[{host}]:{port}" : $"{host}:{port}";

    private static string? DialError(Exception? e, string host, int port) => e switch
    {
        SocketException s => $"dial tcp {Address(host, port)}: connect: " + s.SocketErrorCode switch
        {
            SocketError.ConnectionRefused => "connection refused",
            SocketError.HostUnreachable => "no route to host",
            SocketError.NetworkUnreachable => "network is unreachable",
            SocketError.TimedOut => "connection timed out",
            _ => s.Message,
        },
        _ => null,
    };
}
