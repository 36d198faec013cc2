using System.Text;
using System.Text.Json.Nodes;

namespace Bramble.Kubectl.Commands;

/// <summary><c>kubectl create</c>: from files, or the objects people make by hand.</summary>
internal sealed class CreateCommand(KubectlContext context)
{
    public static readonly Flag[] Flags =
    [
        .. WriteOptions.Flags, new("filename", 'f'), Flag.Switch("recursive", 'R'), new("image"), new("replicas", 'r'), new("port"), new("from-literal"), new("from-file"), new("from-env-file"), new("type"),
        new("duration"), new("audience"), new("tcp"), new("clusterip"), new("role"), new("clusterrole"), new("serviceaccount"), new("group"), new("verb"), new("resource"), new("docker-server"),
    ];

    private readonly Arguments _arguments = context.Arguments;

    public async Task<int> RunAsync(CancellationToken cancel)
    {
        var mapper = await context.MapperAsync(cancel);
        if (_arguments.All("filename") is { Count: > 0 } files)
        {
            foreach (var manifest in Manifests.Read(files, _arguments.IsSet("recursive")))
            {
                var resource = mapper.OfObject(manifest.Object, manifest.Source);
                await CreateAsync(resource, context.NamespaceFor(resource, manifest.Object, manifest.Source), manifest.Object, cancel);
            }
            return 0;
        }
        if (_arguments.Words.Count == 0) throw new CommandFailure("error: must specify one of -f and -k");
        if (_arguments.Words[0] == "token") return await TokenAsync(cancel);
        var (kind, obj) = Build(_arguments.Words);
        var target = mapper.Get(kind);
        await CreateAsync(target, target.IsNamespaced ? context.Namespace : "", obj, cancel);
        return 0;
    }

    private async Task CreateAsync(Resources.KnownResource resource, string ns, JsonObject obj, CancellationToken cancel)
    {
        if (ns.Length > 0 && _arguments.IsClientDryRun() && _arguments.Find("namespace") is not null) obj["metadata"]!["namespace"] = ns;
        var created = _arguments.IsClientDryRun() ? obj : await context.Api.SendAsync(HttpMethod.Post, resource.Path(ns) + _arguments.Query("kubectl-create"), obj, "application/json", cancel);
        await context.PrintResultAsync(resource, created, "created");
    }

    private async Task<int> TokenAsync(CancellationToken cancel)
    {
        var name = Name("token", 1);
        var spec = new JsonObject();
        if (_arguments.All("audience") is { Count: > 0 } audiences) spec["audiences"] = new JsonArray(audiences.Select(a => (JsonNode)a).ToArray());
        if (_arguments.Find("duration") is { } duration) spec["expirationSeconds"] = (long)Durations.Parse(duration).TotalSeconds;
        var request = new JsonObject { ["apiVersion"] = "authentication.k8s.io/v1", ["kind"] = "TokenRequest", ["spec"] = spec };
        var path = (await context.MapperAsync(cancel)).Get("serviceaccounts").Path(context.Namespace, name, "token");
        var answer = await context.Api.SendAsync(HttpMethod.Post, path, request, "application/json", cancel);
        await context.Out.WriteLineAsync((string?)answer["status"]?["token"]);
        return 0;
    }

    private (string Resource, JsonObject Object) Build(IReadOnlyList<string> words)
    {
        switch (words[0])
        {
            case "namespace" or "ns":
                return ("namespaces", New("v1", "Namespace", Name(words[0] is "ns" ? "namespace" : words[0] is "sa" ? "serviceaccount" : words[0], 1)));
            case "serviceaccount" or "sa":
                return ("serviceaccounts", New("v1", "ServiceAccount", Name(words[0] is "ns" ? "namespace" : words[0] is "sa" ? "serviceaccount" : words[0], 1)));
            case "configmap" or "cm":
                var map = New("v1", "ConfigMap", Name(words[0], 1));
                var data = Data();
                if (data.Count > 0) map["data"] = new JsonObject(data.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)Encoding.UTF8.GetString(p.Value))));
                return ("configmaps", map);
            case "secret" when words.Count > 1 && words[1] == "generic":
                var secret = New("v1", "Secret", Name("secret generic", 2));
                secret["data"] = new JsonObject(Data().Select(p => KeyValuePair.Create(p.Key, (JsonNode?)Convert.ToBase64String(p.Value))));
                if (_arguments.Find("type") is { } type) secret["type"] = type;
                return ("secrets", secret);
            case "deployment" or "deploy":
                return ("deployments.apps", Deployment(Name(words[0] is "ns" ? "namespace" : words[0] is "sa" ? "serviceaccount" : words[0], 1)));
            default:
                throw new CommandFailure(
                    $"error: \"kubectl create {string.Join(' ', words.Take(2))}\" is not in Bramble's kubectl yet; it has namespace, serviceaccount, configmap, secret generic, deployment, token and -f. "
                    + "Use the ordinary kubectl with KUBECONFIG=/etc/rancher/k3s/k3s.yaml.");
        }
    }

    private JsonObject Deployment(string name)
    {
        var images = _arguments.All("image");
        if (images.Count == 0) throw new CommandFailure("error: required flag(s) \"image\" not set");
        var containers = new JsonArray();
        foreach (var image in images)
        {
            // Named after the image, without registry, tag and digest.
            var container = new JsonObject { ["image"] = image, ["name"] = image.Split('/')[^1].Split(':')[0].Split('@')[0].Replace('_', '-').Replace('.', '-').ToLowerInvariant() };
            if (_arguments.AfterDashes is { Count: > 0 } command) container["command"] = new JsonArray(command.Select(c => (JsonNode)c).ToArray());
            if (_arguments.Number("port") is { } port) container["ports"] = new JsonArray(new JsonObject { ["containerPort"] = port });
            container["resources"] = new JsonObject();
            containers.Add((JsonNode)container);
        }
        var deployment = New("apps/v1", "Deployment", name);
        deployment["metadata"]!["labels"] = new JsonObject { ["app"] = name };
        deployment["spec"] = new JsonObject
        {
            ["replicas"] = _arguments.Number("replicas") ?? 1,
            ["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["app"] = name } },
            ["strategy"] = new JsonObject(),
            ["template"] = new JsonObject
            {
                ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["app"] = name } },
                ["spec"] = new JsonObject { ["containers"] = containers },
            },
        };
        deployment["status"] = new JsonObject();
        return deployment;
    }

    private SortedDictionary<string, byte[]> Data()
    {
        var data = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        void Add(string key, byte[] value)
        {
            if (!data.TryAdd(key, value)) throw new CommandFailure($"error: cannot add key \"{key}\", another key by that name already exists in Data for ConfigMap \"{_arguments.Words[^1]}\"");
        }

        foreach (var literal in _arguments.All("from-literal"))
        {
            var equals = literal.IndexOf('=');
            if (equals <= 0) throw new CommandFailure($"error: invalid literal source {literal}, expected key=value");
            var value = literal[(equals + 1)..];
            if (value.Length >= 2 && value[0] == value[^1] && value[0] is '\'' or '"') value = value[1..^1];
            Add(literal[..equals], Encoding.UTF8.GetBytes(value));
        }
        foreach (var source in _arguments.All("from-file"))
        {
            var equals = source.IndexOf('=');
            var path = source[(equals + 1)..];
            if (Directory.Exists(path))
                foreach (var file in Directory.EnumerateFiles(path)) Add(Path.GetFileName(file), File.ReadAllBytes(file));
            else if (File.Exists(path)) Add(equals > 0 ? source[..equals] : Path.GetFileName(path), File.ReadAllBytes(path));
            else throw new CommandFailure($"error: error reading {path}: no such file or directory");
        }
        foreach (var file in _arguments.All("from-env-file"))
            foreach (var line in File.ReadAllLines(file).Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#'))
                Add(line.Split('=', 2)[0], Encoding.UTF8.GetBytes(line.Split('=', 2) is [_, var value] ? value : Environment.GetEnvironmentVariable(line) ?? ""));
        return data;
    }

    private string Name(string command, int at)
    {
        if (_arguments.Words.Count == at + 1) return _arguments.Words[at];
        throw CommandFailure.Usage($"create {command}", $"exactly one NAME is required, got {Math.Max(0, _arguments.Words.Count - at)}");
    }

    private static JsonObject New(string apiVersion, string kind, string name) =>
        new() { ["apiVersion"] = apiVersion, ["kind"] = kind, ["metadata"] = new JsonObject { ["name"] = name } };
}
