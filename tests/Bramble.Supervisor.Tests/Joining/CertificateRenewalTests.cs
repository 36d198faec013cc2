using Bramble.Supervisor.Joining;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Supervisor.Tests.Joining;

public sealed class CertificateRenewalTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly FakeTimeProvider _time = new(Start);
    private DateTimeOffset _notAfter = Start.AddDays(365);
    private int _asked;
    private bool _serverIsAway;

    private Task Run() => new CertificateRenewal(() => _notAfter, FetchAsync, _time, NullLogger.Instance).RenewedAsync(CancellationToken.None);

    private Task FetchAsync(CancellationToken cancel)
    {
        _asked++;
        if (_serverIsAway) throw new JoinException("no server");
        _notAfter = _time.GetUtcNow().AddDays(365);
        return Task.CompletedTask;
    }

    // The timer is never longer than 12 hours, so a clock that is set is noticed.
    private async Task PassAsync(TimeSpan span)
    {
        for (var step = TimeSpan.Zero; step < span; step += TimeSpan.FromHours(6))
        {
            _time.Advance(TimeSpan.FromHours(6));
            await Task.Yield();
        }
        await Task.Delay(20);
    }

    [Fact]
    public async Task Certificates_of_a_year_are_renewed_after_245_days_while_the_agent_runs()
    {
        var renewal = Run();
        for (var day = 0; day < 244; day++) await PassAsync(TimeSpan.FromDays(1));
        Assert.Equal(0, _asked);
        for (var day = 0; day < 2; day++) await PassAsync(TimeSpan.FromDays(1));
        await renewal.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(1, _asked);
        Assert.True(_notAfter > Start.AddDays(600));
    }

    [Fact]
    public async Task A_server_that_is_away_is_asked_again_every_12_hours_and_the_old_ones_serve_meanwhile()
    {
        _notAfter = Start.AddDays(100);
        _serverIsAway = true;
        var renewal = Run();
        Assert.Equal(1, _asked);
        for (var day = 0; day < 3; day++) await PassAsync(TimeSpan.FromDays(1));
        Assert.InRange(_asked, 4, 7);
        Assert.False(renewal.IsCompleted);
        _serverIsAway = false;
        await PassAsync(TimeSpan.FromDays(1));
        await renewal.WaitAsync(TimeSpan.FromSeconds(5));
    }
}
