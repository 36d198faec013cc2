using System.Threading.Channels;
using Bramble.Kubelet.Plugins.Protocol;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Plugins;

/// <summary>Plugins make themselves known by a socket in <c>plugins_registry</c>, and leave by removing it. Waits for the kernel to tell; a driver that is not
/// ready when its socket appears is asked again.</summary>
/// <param name="kinds">Who takes which type of plugin.</param>
internal sealed class PluginSockets(KubeletConfig config, IReadOnlyDictionary<string, IPluginKind> kinds, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan RetryMax = TimeSpan.FromMinutes(2);

    private readonly string _folder = Path.Combine(config.RootDirectory, "plugins_registry");

    public async Task RunAsync(CancellationToken cancel)
    {
        Directory.CreateDirectory(_folder, (UnixFileMode)0b111_101_000);
        Directory.CreateDirectory(Path.Combine(config.RootDirectory, "plugins"), (UnixFileMode)0b111_101_000);
        var changes = Channel.CreateUnbounded<string>();
        using var watcher = new FileSystemWatcher(_folder) { IncludeSubdirectories = true, NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName };
        watcher.Created += (_, e) => changes.Writer.TryWrite(e.FullPath);
        watcher.Deleted += (_, e) => changes.Writer.TryWrite(e.FullPath);
        watcher.Renamed += (_, e) => _ = changes.Writer.TryWrite(e.OldFullPath) && changes.Writer.TryWrite(e.FullPath);
        try
        {
            watcher.EnableRaisingEvents = true;
        }
        catch (IOException e)
        {
            // The machine's limit of watches: pods go on without drivers.
            Log.DriversNotWatched(log, _folder, e.Message);
            return;
        }
        var known = new Dictionary<string, (CancellationTokenSource Stop, Task Running)>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFileSystemEntries(_folder, "*", SearchOption.AllDirectories)) changes.Writer.TryWrite(path);
        try
        {
            await foreach (var path in changes.Reader.ReadAllAsync(cancel))
            {
                // A socket that came back under its name is another driver process: the old connection ends first.
                if (known.Remove(path, out var old))
                {
                    await old.Stop.CancelAsync();
                    await old.Running;
                    old.Stop.Dispose();
                    foreach (var kind in kinds.Values) await kind.RemoveAsync(path, cancel);
                }
                if (Native.FileKind.Of(path) != 's' || Path.GetFileName(path).StartsWith('.')) continue;
                var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                known[path] = (stop, RegisterAsync(path, stop.Token));
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // stopping
        }
        foreach (var (stop, running) in known.Values)
        {
            await stop.CancelAsync();
            await running;
            stop.Dispose();
        }
    }

    private async Task RegisterAsync(string socket, CancellationToken cancel)
    {
        var wait = TimeSpan.FromSeconds(1);
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await RegisterOnceAsync(socket, cancel);
                return;
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                Log.DriverNotRegistered(log, socket, e.Message, wait);
            }
            await Task.Delay(wait, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
            wait = wait * 2 < RetryMax ? wait * 2 : RetryMax;
        }
    }

    private async Task RegisterOnceAsync(string socket, CancellationToken cancel)
    {
        using var channel = UnixSocketChannel.Open(socket);
        var registration = new Registration.RegistrationClient(channel);
        var bound = new CallOptions(deadline: DateTime.UtcNow.AddSeconds(10), cancellationToken: cancel);
        var info = await registration.GetInfoAsync(new InfoRequest(), bound);
        if (info.Endpoint.Length == 0) info.Endpoint = socket;
        var error = WhyNot(info, socket);
        if (error is null)
        {
            try
            {
                await kinds[info.Type].AddAsync(socket, info, cancel);
                Log.DriverRegistered(log, info.Type, info.Name);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // The driver's own log shows why, and its registrar ends and begins anew.
                await registration.NotifyRegistrationStatusAsync(new RegistrationStatus { PluginRegistered = false, Error = e.Message }, bound);
                throw;
            }
        }
        await registration.NotifyRegistrationStatusAsync(new RegistrationStatus { PluginRegistered = error is null, Error = error ?? "" }, bound);
    }

    private string? WhyNot(PluginInfo info, string socket) => kinds.TryGetValue(info.Type, out var kind)
        ? kind.WhyNot(info)
        : $"no handler registered for plugin type: {info.Type} at socket {socket}";
}
