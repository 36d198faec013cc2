using Microsoft.Extensions.Logging;

namespace Bramble.Serving;

/// <summary>The long-running parts of the process. A part that ends by an error is reported and started again with back-off; stopping ends them in reverse order of
/// start, each within a bound.</summary>
internal sealed class RunningParts(TimeProvider time, ILogger log, CancellationToken stop) : IDisposable
{
    private readonly List<(CancellationTokenSource Stop, Task Running)> _parts = [];

    public void Start(string name, Func<CancellationToken, Task> run)
    {
        // Not linked to the process' stop: parts end one after the other, latest first.
        var own = new CancellationTokenSource();
        _parts.Add((own, Task.Run(() => KeepAsync(name, run, own.Token), CancellationToken.None)));
    }

    public async Task StopAsync(TimeSpan patience)
    {
        for (var i = _parts.Count - 1; i >= 0; i--)
        {
            await _parts[i].Stop.CancelAsync();
            await Task.WhenAny(_parts[i].Running, Task.Delay(patience, time, CancellationToken.None));
        }
    }

    private async Task KeepAsync(string name, Func<CancellationToken, Task> run, CancellationToken cancel)
    {
        var pause = TimeSpan.FromSeconds(1);
        while (!cancel.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            var startedAt = time.GetTimestamp();
            try
            {
                await run(cancel);
                return;
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                if (time.GetElapsedTime(startedAt) > TimeSpan.FromMinutes(1)) pause = TimeSpan.FromSeconds(1);
                ServerLog.PartFailed(log, name, pause, error);
            }
            try
            {
                await Task.Delay(pause, time, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, TimeSpan.FromMinutes(1).Ticks));
        }
    }

    public void Dispose()
    {
        foreach (var (own, _) in _parts) own.Dispose();
    }
}
