using System.Text;
using Bramble.Supervisor.Layout;

namespace Bramble.Supervisor.Kubeconfigs;

/// <summary>Kubeconfig files as K3s writes them: the admin's with its data inside, components' with paths.</summary>
public static class KubeconfigFile
{
    public const string DefaultPath = "/etc/rancher/k3s/k3s.yaml";

    /// <summary>The admin's kubeconfig; cluster, user and context are all named <c>default</c>.</summary>
    public static void WriteAdmin(string path, UnixFileMode mode, string server, string caPem, string certificatePem, string keyPem)
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
        // Tools look at the usual place whatever --write-kubeconfig says.
        if (Path.GetFullPath(path) != DefaultPath) return;
        var folder = Path.GetDirectoryName(DefaultPath)!;
        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
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
