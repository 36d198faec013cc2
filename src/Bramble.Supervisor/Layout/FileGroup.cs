using System.Globalization;
using System.Runtime.InteropServices;

namespace Bramble.Supervisor.Layout;

/// <summary>A file's group: <c>--write-kubeconfig-group</c>.</summary>
internal static partial class FileGroup
{
    /// <exception cref="InvalidDataException">There is no such group, or this process may not give files to it.</exception>
    public static void Set(string path, string group)
    {
        if (Find(group) is not { } id) throw new InvalidDataException($"--write-kubeconfig-group: there is no group \"{group}\" on this machine; getent group lists them");
        if (ChangeOwner(path, -1, id) != 0)
            throw new InvalidDataException($"--write-kubeconfig-group: {path} cannot be given to {group}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    private static int? Find(string group)
    {
        if (int.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return number;
        return File.ReadLines("/etc/group").Select(line => line.Split(':')).Where(fields => fields.Length >= 3 && fields[0] == group)
            .Select(fields => (int?)int.Parse(fields[2], CultureInfo.InvariantCulture)).FirstOrDefault();
    }

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, int user, int group);
}
