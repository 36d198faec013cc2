using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>What the kubelet's server answers under one first path segment; the caller is known and allowed.</summary>
internal interface IKubeletEndpoint
{
    /// <param name="rest">The path's segments after the first.</param>
    Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel);
}

/// <summary>An answer other than 200, with a text.</summary>
internal sealed class HttpAnswerException(int code, string text) : Exception(text)
{
    public int Code { get; } = code;
}
