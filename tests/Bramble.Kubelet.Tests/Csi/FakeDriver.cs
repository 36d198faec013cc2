using System.Collections.Concurrent;
using Bramble.Kubelet.Csi.Protocol;
using Bramble.Kubelet.Plugins.Protocol;
using Bramble.Kubelet.Tests.Plugins;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;

namespace Bramble.Kubelet.Tests.Csi;

/// <summary>A storage driver and its registrar behind unix sockets, as they run in pods: real gRPC, and a list of what was asked.</summary>
internal sealed class FakeDriver : IAsyncDisposable
{
    public const string Name = "disk.example.com";

    private readonly string _root;
    private readonly WebApplication _driver;
    private WebApplication? _registrar;

    private FakeDriver(string root, bool stages)
    {
        _root = root;
        Directory.CreateDirectory(Path.Combine(root, "plugins", Name));
        _driver = GrpcSocket.Serve(Path.Combine(root, "plugins", Name, "csi.sock"), call => call.Path switch
        {
            "/csi.v1.Node/NodePublishVolume" when Refusal is { } refusal => refusal,
            { } path when Refusals.TryGetValue(path["/csi.v1.Node/".Length..], out var code) => (code, "no"),
            "/csi.v1.Node/NodeGetInfo" => new NodeGetInfoResponse { NodeId = "id-of-n1", MaxVolumesPerNode = MaxVolumes, AccessibleTopology = new Topology { Segments = { ["topology.example.com/zone"] = "shelf" } } },
            "/csi.v1.Node/NodeGetCapabilities" => Capabilities(stages),
            "/csi.v1.Node/NodeStageVolume" => Note(call.Read(NodeStageVolumeRequest.Parser), r => $"stage {r.VolumeId} {r.StagingTargetPath} {r.VolumeCapability.Mount.FsType} {Show(r.PublishContext)} {Show(r.Secrets)}", new NodeStageVolumeResponse()),
            "/csi.v1.Node/NodePublishVolume" => Note(call.Read(NodePublishVolumeRequest.Parser), r => $"publish {r.VolumeId} {r.TargetPath} {r.VolumeCapability.AccessMode.Mode} readonly={r.Readonly} {Show(r.VolumeContext)}{(r.Secrets.Count == 0 ? "" : $" {Show(r.Secrets)}")}", new NodePublishVolumeResponse()),
            "/csi.v1.Node/NodeExpandVolume" => Note(call.Read(NodeExpandVolumeRequest.Parser), r => $"expand {r.VolumeId} {r.CapacityRange.RequiredBytes}", new NodeExpandVolumeResponse()),
            "/csi.v1.Node/NodeUnpublishVolume" => Note(call.Read(NodeUnpublishVolumeRequest.Parser), r => $"unpublish {r.VolumeId} {r.TargetPath}", new NodeUnpublishVolumeResponse()),
            "/csi.v1.Node/NodeUnstageVolume" => Note(call.Read(NodeUnstageVolumeRequest.Parser), r => $"unstage {r.VolumeId} {r.StagingTargetPath}", new NodeUnstageVolumeResponse()),
            _ => null,
        });
    }

    public ConcurrentQueue<string> Calls { get; } = new();

    /// <summary>What the kubelet told the registrar.</summary>
    public ConcurrentQueue<RegistrationStatus> Told { get; } = new();

    public long MaxVolumes { get; set; } = 8;

    /// <summary>A refusal of the next publication.</summary>
    public string? Refusal { get; set; }

    /// <summary>Calls that are refused, by name, with the code.</summary>
    public ConcurrentDictionary<string, int> Refusals { get; } = new();

    public string Endpoint => Path.Combine(_root, "plugins", Name, "csi.sock");

    public static async Task<FakeDriver> StartAsync(string root, bool stages = true)
    {
        var driver = new FakeDriver(root, stages);
        await driver._driver.StartAsync();
        return driver;
    }

    public async Task RegisterAsync(string version = "1.0.0")
    {
        _registrar = GrpcSocket.Serve(Path.Combine(_root, "plugins_registry", $"{Name}-reg.sock"), call => call.Path switch
        {
            "/pluginregistration.Registration/GetInfo" => new PluginInfo { Type = "CSIPlugin", Name = Name, Endpoint = Endpoint, SupportedVersions = { version } },
            "/pluginregistration.Registration/NotifyRegistrationStatus" => Hear(call.Read(RegistrationStatus.Parser)),
            _ => null,
        });
        await _registrar.StartAsync();
    }

    /// <summary>As the registrar does when its pod ends.</summary>
    public async Task UnregisterAsync()
    {
        await _registrar!.StopAsync();
        File.Delete(Path.Combine(_root, "plugins_registry", $"{Name}-reg.sock"));
    }

    public async ValueTask DisposeAsync()
    {
        if (_registrar is not null) await _registrar.DisposeAsync();
        await _driver.DisposeAsync();
    }

    private RegistrationStatusResponse Hear(RegistrationStatus status)
    {
        Told.Enqueue(status);
        return new RegistrationStatusResponse();
    }

    private IMessage Note<T>(T request, Func<T, string> show, IMessage answer)
    {
        Calls.Enqueue(show(request));
        return answer;
    }

    private static NodeGetCapabilitiesResponse Capabilities(bool stages)
    {
        var answer = new NodeGetCapabilitiesResponse();
        answer.Capabilities.Add(new NodeServiceCapability { Rpc = new NodeServiceCapability.Types.RPC { Type = NodeServiceCapability.Types.RPC.Types.Type.ExpandVolume } });
        if (stages) answer.Capabilities.Add(new NodeServiceCapability { Rpc = new NodeServiceCapability.Types.RPC { Type = NodeServiceCapability.Types.RPC.Types.Type.StageUnstageVolume } });
        return answer;
    }

    private static string Show(IEnumerable<KeyValuePair<string, string>> map) => $"[{string.Join(' ', map.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => $"{m.Key}={m.Value}"))}]";
}
