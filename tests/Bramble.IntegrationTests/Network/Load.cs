using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Bramble.IntegrationTests.Network;

/// <summary>Requests at a steady rate until told to stop, each answered or noted.</summary>
internal sealed class Load : IDisposable
{
    private readonly HttpClient _http;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<string> _failures = [];
    private readonly Task _running;
    private int _sent;
    private TimeSpan _slowest;

    /// <summary>The longest that a request waited for its answer.</summary>
    public TimeSpan Slowest => _slowest;

    public Load(string url, string host, int perSecond, bool keepsConnections)
    {
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 200 }) { Timeout = TimeSpan.FromSeconds(30) };
        _running = Run(url, host, perSecond, keepsConnections);
    }

    public async Task<(int Sent, IReadOnlyList<string> Failures)> Stop()
    {
        await _stop.CancelAsync();
        await _running;
        return (_sent, _failures);
    }

    public void Dispose()
    {
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task Run(string url, string host, int perSecond, bool keepsConnections)
    {
        var clock = Stopwatch.StartNew();
        var open = new List<Task>();
        while (!_stop.IsCancellationRequested)
        {
            for (; _sent < clock.Elapsed.TotalSeconds * perSecond; _sent++) open.Add(Ask());
            open.RemoveAll(task => task.IsCompleted);
            await Task.Delay(5, CancellationToken.None);
        }
        await Task.WhenAll(open);

        async Task Ask()
        {
            try
            {
                var began = clock.Elapsed;
                using var request = new HttpRequestMessage(HttpMethod.Get, url) { Headers = { Host = host, ConnectionClose = keepsConnections ? null : true } };
                using var answer = await _http.SendAsync(request);
                if (answer.StatusCode != HttpStatusCode.OK) Note($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
                else await answer.Content.ReadAsByteArrayAsync();
                var took = clock.Elapsed - began;
                lock (_failures) _slowest = took > _slowest ? took : _slowest;
            }
            catch (Exception error) when (error is HttpRequestException or TaskCanceledException or SocketException or IOException)
            {
                Note($"{error.Message} {error.GetBaseException().Message}");
            }
        }

        void Note(string failure)
        {
            lock (_failures) _failures.Add($"{clock.Elapsed.TotalSeconds:F1} s: {failure}");
        }
    }
}
