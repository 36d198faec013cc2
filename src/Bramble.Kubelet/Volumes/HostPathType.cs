namespace Bramble.Kubelet.Volumes;

/// <summary>Checks of a hostPath volume's type, with upstream's messages.</summary>
internal static class HostPathType
{
    public static void Ensure(string path, string? type)
    {
        switch (type)
        {
            case null or "":
                return;
            case "DirectoryOrCreate":
                if (!Exists(path)) Directory.CreateDirectory(path, (UnixFileMode)0b111_101_101);
                Require(Directory.Exists(path), path, "a directory");
                return;
            case "FileOrCreate":
                if (!Exists(path))
                    using (File.Create(path)) File.SetUnixFileMode(path, (UnixFileMode)0b110_100_100);
                Require(File.Exists(path), path, "a file");
                return;
            case "Directory":
                Require(Directory.Exists(path), path, "a directory");
                return;
            case "File":
                Require(File.Exists(path) && Kind(path) == 'f', path, "a file");
                return;
            case "Socket":
                Require(Kind(path) == 's', path, "a socket file");
                return;
            case "CharDevice":
                Require(Kind(path) == 'c', path, "a character device");
                return;
            case "BlockDevice":
                Require(Kind(path) == 'b', path, "a block device");
                return;
            default:
                throw new VolumeException($"{type} is an invalid volume type");
        }
    }

    private static void Require(bool holds, string path, string what)
    {
        if (!holds) throw new VolumeException($"hostPath type check failed: {path} is not {what}");
    }

    private static bool Exists(string path) => File.Exists(path) || Directory.Exists(path);

    private static char Kind(string path) => Native.FileKind.Of(path);
}
