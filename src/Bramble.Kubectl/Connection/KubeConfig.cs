using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;

namespace Bramble.Kubectl.Connection;

/// <summary>Where the server is, who asks and in which namespace: the chosen context of the kubeconfig, overridden by flags.</summary>
internal sealed record KubeConfig(
    Uri Server, string Namespace, X509Certificate2Collection? Authorities, X509Certificate2? ClientCertificate, string? Token, (string User, string Password)? Basic, bool TrustsAnyServer)
{
    public const string K3sDefault = "/etc/rancher/k3s/k3s.yaml";

    /// <summary>Files that make up the configuration, in kubectl's order; K3s' own one when nothing else is there.</summary>
    public static IReadOnlyList<string> Files(Arguments arguments)
    {
        if (arguments.Find("kubeconfig") is { } given) return [given];
        if (Environment.GetEnvironmentVariable("KUBECONFIG") is { Length: > 0 } list) return list.Split(':', StringSplitOptions.RemoveEmptyEntries);
        var home = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".kube", "config");
        // k3s kubectl prefers K3s' own file when it may read it.
        return File.Exists(K3sDefault) ? [K3sDefault] : [home];
    }

    /// <summary>The files merged: the first that names something wins.</summary>
    public static JsonObject Merged(Arguments arguments)
    {
        var merged = new JsonObject { ["apiVersion"] = "v1", ["clusters"] = new JsonArray(), ["contexts"] = new JsonArray(), ["current-context"] = "", ["kind"] = "Config", ["users"] = new JsonArray() };
        var mustExist = arguments.Find("kubeconfig") is not null;
        foreach (var file in Files(arguments))
        {
            if (!File.Exists(file))
            {
                if (mustExist) throw new CommandFailure($"error: stat {file}: no such file or directory");
                continue;
            }
            JsonObject tree;
            try
            {
                tree = YamlDocuments.ReadOne(File.ReadAllText(file)) as JsonObject ?? [];
            }
            catch (UnauthorizedAccessException)
            {
                throw new CommandFailure($"error: error loading config file \"{file}\": open {file}: permission denied");
            }
            catch (FormatException failed)
            {
                throw new CommandFailure($"error: error loading config file \"{file}\": {failed.Message}");
            }
            if (Text(merged, "current-context").Length == 0) merged["current-context"] = Text(tree, "current-context");
            foreach (var list in (string[])["clusters", "contexts", "users"])
                foreach (var entry in tree[list] as JsonArray ?? [])
                    if (Named(merged, list, Text(entry, "name")) is null)
                    {
                        var copy = entry!.DeepClone();
                        AnchorPaths(copy, Path.GetDirectoryName(Path.GetFullPath(file))!);
                        merged[list]!.AsArray().Add(copy);
                    }
        }
        return merged;
    }

    public static KubeConfig Load(Arguments arguments)
    {
        var tree = Merged(arguments);
        var contextName = arguments.Find("context") ?? Text(tree, "current-context");
        var context = Named(tree, "contexts", contextName)?["context"];
        if (context is null && contextName.Length > 0) throw new CommandFailure($"error: context \"{contextName}\" does not exist");
        var cluster = Named(tree, "clusters", arguments.Find("cluster") ?? Text(context, "cluster"))?["cluster"];
        var user = Named(tree, "users", arguments.Find("user") ?? Text(context, "user"))?["user"];
        var server = arguments.Find("server") ?? Text(cluster, "server");
        if (server.Length == 0) server = "http://localhost:8080";
        if (!server.Contains("://", StringComparison.Ordinal)) server = "https://" + server;
        var ns = arguments.Find("namespace") ?? Text(context, "namespace");
        var authority = arguments.Find("certificate-authority") is { } caFile ? File.ReadAllText(caFile) : Data(cluster, "certificate-authority");
        var certificate = arguments.Find("client-certificate") is { } certFile ? File.ReadAllText(certFile) : Data(user, "client-certificate");
        var key = arguments.Find("client-key") is { } keyFile ? File.ReadAllText(keyFile) : Data(user, "client-key");
        var token = arguments.Find("token") ?? (Text(user, "tokenFile") is { Length: > 0 } tokenFile ? File.ReadAllText(tokenFile).Trim() : Text(user, "token"));
        X509Certificate2Collection? authorities = null;
        if (authority is not null)
        {
            authorities = [];
            authorities.ImportFromPem(authority);
        }
        return new KubeConfig(
            new Uri(server.EndsWith('/') ? server : server + "/"),
            ns.Length > 0 ? ns : "default",
            authorities,
            certificate is not null && key is not null ? X509Certificate2.CreateFromPem(certificate, key) : null,
            token.Length > 0 ? token : null,
            Text(user, "username") is { Length: > 0 } name ? (name, Text(user, "password")) : null,
            arguments.IsSet("insecure-skip-tls-verify") || cluster?["insecure-skip-tls-verify"]?.GetValue<bool>() == true);
    }

    public static JsonNode? Named(JsonObject tree, string list, string name) =>
        (tree[list] as JsonArray)?.FirstOrDefault(e => Text(e, "name") == name && name.Length > 0);

    private static void AnchorPaths(JsonNode entry, string folder)
    {
        foreach (var inner in (string[])["cluster", "user"])
            foreach (var key in (string[])["certificate-authority", "client-certificate", "client-key", "tokenFile"])
                if (Text(entry[inner], key) is { Length: > 0 } path && !Path.IsPathRooted(path)) entry[inner]![key] = Path.Combine(folder, path);
    }

    private static string? Data(JsonNode? node, string name)
    {
        if (Text(node, name + "-data") is { Length: > 0 } inline) return Encoding.UTF8.GetString(Convert.FromBase64String(inline));
        return Text(node, name) is { Length: > 0 } file ? File.ReadAllText(file) : null;
    }

    private static string Text(JsonNode? node, string key) => (node as JsonObject)?[key]?.ToString() ?? "";
}
