using Bramble.Kubelet.Plugins.Protocol;
using Grpc.Core;

namespace Bramble.Kubelet.Plugins;

/// <summary>Takes the plugins of one type (<c>CSIPlugin</c>, <c>DRAPlugin</c>).</summary>
internal interface IPluginKind
{
    /// <returns>Null: it can be taken; else what its registrar is told.</returns>
    string? WhyNot(PluginInfo plugin);

    /// <param name="socket">Where it registered; its name among the plugins.</param>
    Task AddAsync(string socket, PluginInfo plugin, CancellationToken cancel);

    /// <summary>The socket is gone. One that is not known is no error.</summary>
    Task RemoveAsync(string socket, CancellationToken cancel);
}

internal static class PluginErrors
{
    /// <summary>As Go's gRPC prints an error: events show it.</summary>
    public static string InGosWords(this RpcException e) => $"rpc error: code = {e.StatusCode} desc = {e.Status.Detail}";
}
