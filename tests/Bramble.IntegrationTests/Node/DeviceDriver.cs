using System.Collections.Concurrent;
using System.Text;
using Bramble.IntegrationTests.Support;
using Microsoft.AspNetCore.Builder;
using static Bramble.IntegrationTests.Node.GrpcByHand;

namespace Bramble.IntegrationTests.Node;

/// <summary>A driver of devices on a test host, as a pod of a driver's DaemonSet would be: it registers with the node's kubelet and writes a CDI file for each
/// claim, which gives a variable and a file. Every claim has the device that its name ends with. Its messages are written by hand: the numbers are the protocol's.</summary>
internal sealed class DeviceDriver(TestHost host) : IAsyncDisposable
{
    public const string Name = "gpu.example.com";

    private WebApplication? _driver;
    private WebApplication? _registrar;

    /// <summary>What it was asked, such as <c>prepare NAMESPACE/NAME</c>.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    // The host's folder, as this machine sees it: the same files, and the same sockets.
    private string Kubelet => $"{Environment.GetEnvironmentVariable("BRAMBLE_TEST_HOSTS") ?? "/var/tmp/bramble-hosts"}/{host.Name}/disk/var/lib/kubelet";
    private string Socket => $"{Kubelet}/plugins/{Name}/dra.sock";
    private string RegistrySocket => $"{Kubelet}/plugins_registry/{Name}-reg.sock";

    public async Task Start()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Socket)!);
        _driver = await Serve(Socket, async (http, request) =>
        {
            var call = http.Request.Path.Value!;
            if (call == "/v1alpha1.DRAResourceHealth/NodeWatchResources")
            {
                byte[] device = [.. Field(1, [.. Text(1, host.Name), .. Text(2, "gpu-0")]), 0x10, 2, .. Text(5, "fan stopped")];
                await Write(http, Field(1, device));
                await Task.Delay(Timeout.Infinite, http.RequestAborted);
                return null;
            }
            List<byte> answer = [];
            foreach (var claim in Fields(request).Where(f => f.Number == 1).Select(f => Fields(f.Bytes).ToDictionary(c => c.Number, c => Encoding.UTF8.GetString(c.Bytes))))
            {
                var isPrepare = call == "/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin/NodePrepareResources";
                Calls.Enqueue($"{(isPrepare ? "prepare" : "unprepare")} {claim[1]}/{claim[3]}");
                byte[] device = [.. Text(2, host.Name), .. Text(3, "gpu-0"), .. Text(4, $"example.com/gpu={claim[2]}")];
                if (isPrepare) await WriteCdi(claim[2], claim[3]);
                answer.AddRange(Field(1, [.. Text(1, claim[2]), .. Field(2, isPrepare ? Field(1, device) : [])]));
            }
            return [.. answer];
        });
    }

    public async Task Register() => _registrar = await Serve(RegistrySocket, (http, _) => Task.FromResult<byte[]?>(http.Request.Path.Value!.EndsWith("/GetInfo", StringComparison.Ordinal)
        ? [.. Text(1, "DRAPlugin"), .. Text(2, Name), .. Text(3, $"/var/lib/kubelet/plugins/{Name}/dra.sock"), .. Text(4, "v1.DRAPlugin")]
        : []));

    /// <summary>As kill -9: nobody answers any more, the sockets stay.</summary>
    public async Task Kill()
    {
        foreach (var app in new[] { _driver, _registrar })
        {
            if (app is null) continue;
            await app.StopAsync();
            await app.DisposeAsync();
        }
        (_driver, _registrar) = (null, null);
    }

    /// <summary>A new process takes its places anew.</summary>
    public async Task StartAgain()
    {
        File.Delete(Socket);
        File.Delete(RegistrySocket);
        await Start();
        await Register();
    }

    public async ValueTask DisposeAsync() => await Kill();

    private async Task WriteCdi(string uid, string name) => (await host.Shell($$"""
        mkdir -p /var/run/cdi && cat >/var/run/cdi/gpu-{{uid}}.json <<END
        {"cdiVersion":"0.6.0","kind":"example.com/gpu","devices":[{"name":"{{uid}}","containerEdits":{"env":["GPU=of {{name}}"],"mounts":[{"hostPath":"/etc/hostname","containerPath":"/gpu","options":["ro","rbind"]}]} }]}
        END
        """)).Succeeded();
}
