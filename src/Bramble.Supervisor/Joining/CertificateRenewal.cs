using Microsoft.Extensions.Logging;

namespace Bramble.Supervisor.Joining;

/// <summary>When a running agent gets new certificates: 120 days before the old ones end, and every 12 hours again while no server gives them.</summary>
public sealed class CertificateRenewal(Func<DateTimeOffset> notAfter, Func<CancellationToken, Task> fetch, TimeProvider time, ILogger logger)
{
    // A timer's longest rest (a clock may be set meanwhile); also how soon a failed renewal is tried again, of which there are months.
    private static readonly TimeSpan Look = TimeSpan.FromHours(12);

    /// <summary>Returns when there are new ones on the disk.</summary>
    public async Task RenewedAsync(CancellationToken cancel)
    {
        while (true)
        {
            var left = notAfter() - NodeCredentials.RenewBefore - time.GetUtcNow();
            if (left > TimeSpan.Zero)
            {
                await Task.Delay(left < Look ? left : Look, time, cancel);
                continue;
            }
            try
            {
                await fetch(cancel);
                JoinLog.Renewed(logger, notAfter());
                return;
            }
            catch (JoinException refused)
            {
                JoinLog.NotRenewed(logger, notAfter(), refused.Message);
            }
            await Task.Delay(Look, time, cancel);
        }
    }
}
