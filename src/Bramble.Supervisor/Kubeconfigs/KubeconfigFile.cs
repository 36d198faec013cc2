using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Bramble.Api.Decoding;
using Bramble.Supervisor.Layout;

namespace Bramble.Supervisor.Kubeconfigs;

/// <summary>Kubeconfig files as K3s writes them: the admin's with its data inside, components' with paths.</summary>
public static class KubeconfigFile
{
    public const string DefaultPath = "/etc/rancher/k3s/k3s.yaml";

    /// <summary>The admin's kubeconfig; cluster, user and context are all named <c>default</c>.</summary>
    /// <param name="group">Name or number of the file's group; null: the process' own.</param>
    /// <exception cref="InvalidDataException">There is no such group.</exception>
    public static void WriteAdmin(string path, UnixFileMode mode, string? group, string server, string caPem, string certificatePem, string keyPem)
    {
        var text = $"""
            apiVersion: v1
            clusters:
            - cluster:
                certificate-authority-data: {Base64(caPem)}
                server: {server}
              name: default
            contexts:
            - context:
                cluster: default
                user: default
              name: default
            current-context: default
            kind: Config
            preferences: {"{}"}
            users:
            - name: default
              user:
                client-certificate-data: {Base64(certificatePem)}
                client-key-data: {Base64(keyPem)}

            """;
        SafeFile.WriteIfChanged(path, text, mode);
        if (group is not null) FileGroup.Set(path, group);
        if (Path.GetFullPath(path) != DefaultPath) return;
        var folder = Path.GetDirectoryName(DefaultPath)!;
        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
    }

    /// <summary>Server, CA bundle (PEM, as the server serves it) and client certificate of an admin's kubeconfig like <see cref="WriteAdmin"/>'s.</summary>
    /// <exception cref="InvalidDataException">Missing, not readable, or of another form.</exception>
    public static (Uri Server, string CaPem, X509Certificate2 Client) ReadAdmin(string path)
    {
        try
        {
            var tree = YamlDocuments.ReadOne(File.ReadAllText(path));
            string Text(string text) => Encoding.UTF8.GetString(Convert.FromBase64String(text));
            var cluster = tree?["clusters"]?[0]?["cluster"] ?? throw new InvalidDataException($"{path} names no cluster");
            var user = tree["users"]?[0]?["user"] ?? throw new InvalidDataException($"{path} names no user");
            return (new Uri((string?)cluster["server"] ?? ""), Text((string?)cluster["certificate-authority-data"] ?? ""),
                X509Certificate2.CreateFromPem(Text((string?)user["client-certificate-data"] ?? ""), Text((string?)user["client-key-data"] ?? "")));
        }
        catch (Exception wrong) when (wrong is FormatException or CryptographicException or UriFormatException)
        {
            throw new InvalidDataException($"{path} is no kubeconfig that K3s writes: {wrong.Message}", wrong);
        }
        catch (Exception missing) when (missing is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"cannot read {path}: {missing.Message} Run this on a server as root, or name another file with --kubeconfig.", missing);
        }
    }

    /// <summary>Tools look at the usual place whatever <c>--write-kubeconfig</c> says: there it becomes a link.</summary>
    public static void LinkDefault(string path)
    {
        path = Path.GetFullPath(path);
        var link = new FileInfo(DefaultPath);
        if (path == DefaultPath || link.LinkTarget == path) return;
        Directory.CreateDirectory(link.DirectoryName!);
        if (link.Exists || link.LinkTarget is not null) link.Delete();
        File.CreateSymbolicLink(DefaultPath, path);
    }

    /// <summary>A component's kubeconfig, certificate files by path.</summary>
    public static void WriteComponent(string path, string server, string caPath, string certificatePath, string keyPath) =>
        SafeFile.WriteIfChanged(path, $"""
            apiVersion: v1
            clusters:
            - cluster:
                certificate-authority: {caPath}
                server: {server}
              name: local
            contexts:
            - context:
                cluster: local
                namespace: default
                user: user
              name: Default
            current-context: Default
            kind: Config
            preferences: {"{}"}
            users:
            - name: user
              user:
                client-certificate: {certificatePath}
                client-key: {keyPath}

            """);

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
