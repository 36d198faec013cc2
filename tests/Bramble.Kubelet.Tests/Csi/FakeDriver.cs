using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using Bramble.Kubelet.Csi.Protocol;
using Bramble.Kubelet.Plugins.Protocol;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

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
        _driver = Serve(Path.Combine(root, "plugins", Name, "csi.sock"), call => call.Path switch
        {
            "/csi.v1.Node/NodeGetInfo" => new NodeGetInfoResponse { NodeId = "id-of-n1", MaxVolumesPerNode = 8, AccessibleTopology = new Topology { Segments = { ["topology.example.com/zone"] = "shelf" } } },
            "/csi.v1.Node/NodeGetCapabilities" => Capabilities(stages),
            "/csi.v1.Node/NodeStageVolume" => Note(call.Read(NodeStageVolumeRequest.Parser), r => $"stage {r.VolumeId} {r.StagingTargetPath} {r.VolumeCapability.Mount.FsType} {Show(r.PublishContext)} {Show(r.Secrets)}", new NodeStageVolumeResponse()),
            "/csi.v1.Node/NodePublishVolume" => Note(call.Read(NodePublishVolumeRequest.Parser), r => $"publish {r.VolumeId} {r.TargetPath} {r.VolumeCapability.AccessMode.Mode} readonly={r.Readonly} {Show(r.VolumeContext)}", new NodePublishVolumeResponse()),
            "/csi.v1.Node/NodeExpandVolume" => Note(call.Read(NodeExpandVolumeRequest.Parser), r => $"expand {r.VolumeId} {r.CapacityRange.RequiredBytes}", new NodeExpandVolumeResponse()),
            "/csi.v1.Node/NodeUnpublishVolume" => Note(call.Read(NodeUnpublishVolumeRequest.Parser), r => $"unpublish {r.VolumeId} {r.TargetPath}", new NodeUnpublishVolumeResponse()),
            "/csi.v1.Node/NodeUnstageVolume" => Note(call.Read(NodeUnstageVolumeRequest.Parser), r => $"unstage {r.VolumeId} {r.StagingTargetPath}", new NodeUnstageVolumeResponse()),
            _ => null,
        });
    }

    public ConcurrentQueue<string> Calls { get; } = new();

    /// <summary>What the kubelet told the registrar.</summary>
    public ConcurrentQueue<RegistrationStatus> Told { get; } = new();

    /// <summary>A refusal of the next publication.</summary>
    public string? Refusal { get; set; }

    public string Endpoint => Path.Combine(_root, "plugins", Name, "csi.sock");

    public static async Task<FakeDriver> StartAsync(string root, bool stages = true)
    {
        var driver = new FakeDriver(root, stages);
        await driver._driver.StartAsync();
        return driver;
    }

    public async Task RegisterAsync(string version = "1.0.0")
    {
        _registrar = Serve(Path.Combine(_root, "plugins_registry", $"{Name}-reg.sock"), call => call.Path switch
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

    private WebApplication Serve(string socket, Func<Call, IMessage?> answer)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket, listen => listen.Protocols = HttpProtocols.Http2));
        var app = builder.Build();
        app.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            var isRefused = Refusal is not null && http.Request.Path.Value!.EndsWith("NodePublishVolume", StringComparison.Ordinal);
            var message = isRefused ? null : answer(new Call(http.Request.Path.Value!, body.ToArray()[5..]));
            http.Response.ContentType = "application/grpc";
            if (message is not null)
            {
                var bytes = message.ToByteArray();
                var frame = new byte[5 + bytes.Length];
                BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), bytes.Length);
                bytes.CopyTo(frame, 5);
                await http.Response.Body.WriteAsync(frame);
            }
            http.Response.AppendTrailer("grpc-status", (message is not null ? 0 : isRefused ? 13 : 12).ToString(CultureInfo.InvariantCulture));
            if (isRefused) http.Response.AppendTrailer("grpc-message", Refusal);
        });
        return app;
    }

    private sealed record Call(string Path, byte[] Body)
    {
        public T Read<T>(MessageParser<T> parser) where T : IMessage<T> => parser.ParseFrom(Body);
    }
}
