using System.Security.Cryptography;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Ingress.Tls;

/// <summary>The certificates of the Secrets that are wanted now, each followed by a watch of its own: a node may read exactly these Secrets and list none.
/// Used by the ingress' loop alone, but for the watches' tasks, which report under the lock.</summary>
/// <param name="changed">A certificate has come, changed or gone.</param>
internal sealed class TlsSecrets(IKubeClient client, Action changed, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan RetryFirst = TimeSpan.FromSeconds(1), RetryLast = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<NamespacedName, ServedCertificate> _certificates = [];
    private readonly Dictionary<NamespacedName, (CancellationTokenSource Stop, Task Running)> _watches = [];
    private readonly Dictionary<NamespacedName, TaskCompletionSource> _first = [];

    public ServedCertificate? Find(NamespacedName secret)
    {
        lock (_gate) return _certificates.GetValueOrDefault(secret);
    }

    /// <summary>Done when each that is wanted now has been read once, whatever was found.</summary>
    public Task Read
    {
        get
        {
            lock (_gate) return Task.WhenAll(_first.Values.Select(first => first.Task));
        }
    }

    /// <summary>Follows these and no others from now on.</summary>
    public async Task WantAsync(IReadOnlySet<NamespacedName> wanted, CancellationToken cancel)
    {
        foreach (var gone in _watches.Keys.Where(name => !wanted.Contains(name)).ToList())
        {
            _watches.Remove(gone, out var watch);
            await EndAsync(watch);
            lock (_gate)
            {
                _certificates.Remove(gone);
                _first.Remove(gone);
            }
        }
        foreach (var name in wanted)
        {
            if (_watches.ContainsKey(name)) continue;
            var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (_gate) _first.Add(name, first);
            _watches.Add(name, (stop, FollowAsync(name, first, stop.Token)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var watch in _watches.Values) await EndAsync(watch);
        _watches.Clear();
    }

    private static async Task EndAsync((CancellationTokenSource Stop, Task Running) watch)
    {
        await watch.Stop.CancelAsync();
        await watch.Running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        watch.Stop.Dispose();
    }

    private async Task FollowAsync(NamespacedName name, TaskCompletionSource first, CancellationToken cancel)
    {
        await Task.Yield();
        var retry = RetryFirst;
        var isTold = false;
        // Told once a version, also when the watch begins with what the read has shown.
        var seen = 0L;
        while (true)
        {
            try
            {
                // The read says when it has gone, which a watch of what is there does not; the watch says the rest, from now on (without a version: that of
                // the object may be older than what the server still knows).
                var found = await client.FindAsync(Resources.Secrets, name, cancel);
                if (found is null || found.ResourceVersion != seen) Take(name, found);
                seen = found?.ResourceVersion ?? 0;
                first.TrySetResult();
                var started = time.GetTimestamp();
                var query = new ListQuery(name.Namespace, FieldSelector: $"metadata.name={name.Name}");
                await foreach (var change in client.WatchAsync(Resources.Secrets, query, cancel))
                {
                    if (change.Type == WatchEventType.Deleted) Take(name, null);
                    else if (change.Type != WatchEventType.Bookmark && change.Object.ResourceVersion != seen) Take(name, change.Object);
                    (retry, isTold, seen) = (RetryFirst, false, change.Object.ResourceVersion);
                }
                // A server that closes at once must not be asked in a tight loop.
                if (time.GetElapsedTime(started) < RetryFirst) await Task.Delay(retry, time, cancel);
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error) when (error is StatusException or HttpRequestException or IOException or OperationCanceledException)
            {
                if (!isTold) Log.SecretNotRead(logger, name.ToString(), error.GetBaseException().Message);
                isTold = true;
                await Task.Delay(retry, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (cancel.IsCancellationRequested) return;
                retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, RetryLast.Ticks));
            }
        }
    }

    // The certificate of before stays in use when the new one is broken: a site goes on rather than warn its visitors.
    private void Take(NamespacedName name, KubeObject? secret)
    {
        ServedCertificate? certificate = null;
        if (secret is not null)
        {
            try
            {
                var data = secret.Model<V1Secret>().Data;
                if (data is null || !data.TryGetValue("tls.crt", out var chain) || !data.TryGetValue("tls.key", out var key)) throw new CryptographicException("it has no tls.crt or no tls.key");
                certificate = ServedCertificate.FromPem(chain, key);
            }
            catch (CryptographicException wrong)
            {
                Log.SecretWithoutCertificate(logger, name.ToString(), wrong.Message);
                return;
            }
        }
        lock (_gate)
        {
            // Not disposed: handshakes may still use the old one; the collector ends it.
            if (certificate is null ? !_certificates.Remove(name) : _certificates.TryGetValue(name, out var old) && old.Thumbprint == certificate.Thumbprint) return;
            if (certificate is not null) _certificates[name] = certificate;
        }
        changed();
    }
}
