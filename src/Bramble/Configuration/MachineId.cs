using System.Security.Cryptography;
using Bramble.Supervisor.Layout;

namespace Bramble.Configuration;

/// <summary>The id that <c>--with-node-id</c> appends: eight hex characters, made once and kept where K3s keeps it.</summary>
internal static class MachineId
{
    public static string Own(string path = "/etc/rancher/node/id")
    {
        if (File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } known) return known;
        var id = RandomNumberGenerator.GetHexString(8, lowercase: true);
        SafeFile.Write(path, id + "\n", SafeFile.Shared);
        return id;
    }
}
