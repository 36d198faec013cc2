using Bramble.Kubelet.Native;
using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>/localPath?path=…: PUT makes the folder of a local volume, DELETE removes it with its data. Asked by the cluster's local-path provisioner, whose
/// K3s original starts a Pod on the node for it. Needs the rights that exec needs (nodes/proxy), which are root's on this node anyway.</summary>
internal sealed class LocalPathEndpoint : IKubeletEndpoint
{
    private const UnixFileMode Everybody = (UnixFileMode)0b111_111_111;
    private const UnixFileMode OnlyRoot = (UnixFileMode)0b111_000_000;

    public Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel)
    {
        var path = http.Request.Query["path"].ToString();
        if (rest.Length > 0 || !IsVolumeFolder(path)) throw new HttpAnswerException(400, $"invalid path {path}: an absolute path at least two folders deep is needed");
        switch (http.Request.Method)
        {
            case "PUT":
                Make(path);
                return http.Response.WriteAsync("made", cancel);
            case "DELETE":
                Remove(path);
                return http.Response.WriteAsync("removed", cancel);
            default:
                throw new HttpAnswerException(405, "method not allowed");
        }
    }

    /// <summary>Never a folder of the system itself, and written so that it means one place only. Pure.</summary>
    public static bool IsVolumeFolder(string path) =>
        path.StartsWith('/') && !path.EndsWith('/') && !path.Contains('\0') && path.Split('/') is { Length: > 2 } parts && parts.Skip(1).All(part => part is not ("" or "." or ".."));

    public static void Make(string path)
    {
        Directory.CreateDirectory(path);
        // Its owner in a container may be anybody; the way to it from the node is root's alone.
        File.SetUnixFileMode(path, Everybody);
        File.SetUnixFileMode(Path.GetDirectoryName(path)!, OnlyRoot);
    }

    public static void Remove(string path)
    {
        if (!Directory.Exists(path)) return;
        // What is mounted there is somebody else's data.
        if (MountTable.Below(path) is [var mounted, ..]) throw new HttpAnswerException(409, $"{mounted} is still mounted");
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Another request was faster.
        }
    }
}
