using System.Collections.Concurrent;
using System.Text;
using Bramble.IntegrationTests.Support;
using Microsoft.AspNetCore.Builder;
using static Bramble.IntegrationTests.Node.GrpcByHand;

namespace Bramble.IntegrationTests.Node;

/// <summary>A device plugin on a test host, as a pod of its DaemonSet would be. A container with a device gets a variable with the devices' names, a device
/// file and a mount.</summary>
internal sealed class DevicePluginStandIn(TestHost host, string resource, params string[] devices) : IAsyncDisposable
{
    private WebApplication? _app;
    private TaskCompletionSource _changed = new();

    /// <summary>What it was asked: <c>allocate a,b</c>, <c>prestart a</c>.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    /// <summary>The device that it prefers, and one that is broken.</summary>
    public string Preferred { get; init; } = "";
    public string Broken { get; private set; } = "";

    private string Folder => $"{Environment.GetEnvironmentVariable("BRAMBLE_TEST_HOSTS") ?? "/var/tmp/bramble-hosts"}/{host.Name}/disk/var/lib/kubelet/device-plugins";

    public async Task Start()
    {
        var socket = $"{Folder}/stand-in.sock";
        File.Delete(socket);
        _app = await Serve(socket, async (http, request) =>
        {
            var fields = Fields(request);
            switch (http.Request.Path.Value!.Split('/')[^1])
            {
                case "GetDevicePluginOptions":
                    return [0x08, 1, 0x10, 1];
                case "ListAndWatch":
                    while (!http.RequestAborted.IsCancellationRequested)
                    {
                        var changed = _changed.Task;
                        await Write(http, [.. devices.SelectMany(d => Field(1, [.. Text(1, d), .. Text(2, d == Broken ? "Unhealthy" : "Healthy")]))]);
                        await changed.WaitAsync(http.RequestAborted).ContinueWith(_ => { });
                    }
                    return null;
                case "GetPreferredAllocation":
                    return Field(1, Text(1, Preferred));
                case "Allocate":
                    var ids = string.Join(',', Texts(fields.Single().Bytes, 1));
                    Calls.Enqueue($"allocate {ids}");
                    byte[] env = [.. Text(1, "DONGLES"), .. Text(2, ids)];
                    byte[] mount = [.. Text(1, "/dongle-name"), .. Text(2, "/etc/hostname"), 0x18, 1];
                    byte[] device = [.. Text(1, "/dev/dongle"), .. Text(2, "/dev/zero"), .. Text(3, "r")];
                    return Field(1, [.. Field(1, env), .. Field(2, mount), .. Field(3, device)]);
                case "PreStartContainer":
                    Calls.Enqueue($"prestart {string.Join(',', Texts(request, 1))}");
                    return [];
                default:
                    throw new InvalidOperationException(http.Request.Path);
            }
        });
    }

    public Task Register(string? name = null, string version = "v1beta1") =>
        Call($"{Folder}/kubelet.sock", "/v1beta1.Registration/Register", [.. Text(1, version), .. Text(2, "stand-in.sock"), .. Text(3, name ?? resource)]);

    public void Break(string device)
    {
        Broken = device;
        Interlocked.Exchange(ref _changed, new()).SetResult();
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is null) return;
        await _app.StopAsync();
        await _app.DisposeAsync();
        _app = null;
    }

    private static IEnumerable<string> Texts(byte[] message, int number) => Fields(message).Where(f => f.Number == number).Select(f => Encoding.UTF8.GetString(f.Bytes));
}
