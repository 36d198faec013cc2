using System.Collections.Concurrent;
using System.Threading.Channels;
using Bramble.Kubelet.Dra.Protocol;
using Bramble.Kubelet.Plugins.Protocol;
using Bramble.Kubelet.Tests.Plugins;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;

namespace Bramble.Kubelet.Tests.Dra;

/// <summary>A driver of devices behind unix sockets, as it runs in a pod: real gRPC, and a list of what was asked.</summary>
internal sealed class FakeDraDriver : IAsyncDisposable
{
    public const string Name = "gpu.example.com";

    private readonly string _root;
    private readonly string _instance;
    private WebApplication? _driver;
    private WebApplication? _registrar;

    /// <param name="instance">A driver that is being updated has two.</param>
    public FakeDraDriver(string root, string instance = "a")
    {
        (_root, _instance) = (root, instance);
        Directory.CreateDirectory(Path.Combine(root, "plugins", Name));
    }

    public string Service { get; init; } = "v1";
    public ConcurrentQueue<string> Calls { get; } = new();
    public ConcurrentQueue<RegistrationStatus> Told { get; } = new();

    /// <summary>What it says of its devices; null: it does not know that service.</summary>
    public Channel<IMessage>? Health { get; set; }

    /// <summary>An error of the whole call.</summary>
    public string? Refusal { get; set; }

    /// <summary>Answers to a preparation; by default one device for each claim.</summary>
    public Func<Claim, NodePrepareResourceResponse> Prepares { get; set; } = claim => Device($"dev-{claim.Name}");

    /// <summary>Claims of which it says nothing.</summary>
    public string? Skips { get; set; }
    public string? UnprepareError { get; set; }

    public string Endpoint => Path.Combine(_root, "plugins", Name, $"{_instance}.sock");
    private string Socket => Path.Combine(_root, "plugins_registry", $"{Name}-{_instance}-reg.sock");

    public static NodePrepareResourceResponse Device(string name, params string[] requests) => new()
    {
        Devices = { new Device { PoolName = "n1", DeviceName = name, RequestNames = { requests }, CdiDeviceIds = { $"example.com/gpu={name}" } } },
    };

    public async Task StartAsync()
    {
        _driver = GrpcSocket.Serve(Endpoint, call =>
        {
            if (call.Path == "/v1alpha1.DRAResourceHealth/NodeWatchResources") return Health;
            var package = $"/k8s.io.kubelet.pkg.apis.dra.{Service}.DRAPlugin";
            if (call.Path == $"{package}/NodePrepareResources") return Refusal ?? (object)Prepare(call.Read(NodePrepareResourcesRequest.Parser));
            return call.Path == $"{package}/NodeUnprepareResources" ? Unprepare(call.Read(NodeUnprepareResourcesRequest.Parser)) : null;
        });
        await _driver.StartAsync();
    }

    public async Task RegisterAsync(params string[] versions)
    {
        _registrar = GrpcSocket.Serve(Socket, call =>
        {
            if (call.Path.EndsWith("/GetInfo", StringComparison.Ordinal))
                return new PluginInfo { Type = "DRAPlugin", Name = Name, Endpoint = Endpoint, SupportedVersions = { versions.Length > 0 ? versions : [$"{Service}.DRAPlugin"] } };
            Told.Enqueue(call.Read(RegistrationStatus.Parser));
            return new RegistrationStatusResponse();
        });
        await _registrar.StartAsync();
    }

    /// <summary>As a registrar that ends: its socket goes.</summary>
    public async Task UnregisterAsync()
    {
        await _registrar!.StopAsync();
        File.Delete(Socket);
    }

    /// <summary>As kill -9: nothing answers, its sockets stay.</summary>
    public async Task StopAsync()
    {
        await _driver!.StopAsync();
        await _driver.DisposeAsync();
        _driver = null;
        File.Delete(Endpoint);
    }

    public async ValueTask DisposeAsync()
    {
        if (_registrar is not null) await _registrar.DisposeAsync();
        if (_driver is not null) await _driver.DisposeAsync();
    }

    private NodePrepareResourcesResponse Prepare(NodePrepareResourcesRequest request)
    {
        Calls.Enqueue($"prepare {string.Join(' ', request.Claims.Select(c => $"{c.Namespace}/{c.Name}/{c.Uid}"))}");
        var answer = new NodePrepareResourcesResponse();
        foreach (var claim in request.Claims.Where(c => c.Name != Skips)) answer.Claims[claim.Uid] = Prepares(claim);
        return answer;
    }

    private NodeUnprepareResourcesResponse Unprepare(NodeUnprepareResourcesRequest request)
    {
        Calls.Enqueue($"unprepare {string.Join(' ', request.Claims.Select(c => $"{c.Namespace}/{c.Name}/{c.Uid}"))}");
        var answer = new NodeUnprepareResourcesResponse();
        foreach (var claim in request.Claims) answer.Claims[claim.Uid] = new NodeUnprepareResourceResponse { Error = UnprepareError ?? "" };
        return answer;
    }
}
