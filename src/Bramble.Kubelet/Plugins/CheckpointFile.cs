using System.Text;

namespace Bramble.Kubelet.Plugins;

/// <summary>A small file of what plugins have given, which must be whole after any end of the node.</summary>
internal static class CheckpointFile
{
    /// <exception cref="IOException">It could not be written; the old one stays.</exception>
    public static void Write(string path, string text)
    {
        var beside = path + ".new";
        using (var file = new FileStream(beside, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
        }
        File.Move(beside, path, overwrite: true);
    }

    /// <summary>Sets an unreadable one aside, so that the next is written without losing it.</summary>
    public static string SetAside(string path)
    {
        var aside = path + ".unreadable";
        File.Move(path, aside, overwrite: true);
        return aside;
    }
}
