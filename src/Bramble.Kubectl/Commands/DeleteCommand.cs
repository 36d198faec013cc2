using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Kubectl.Resources;

namespace Bramble.Kubectl.Commands;

/// <summary><c>kubectl delete</c>: by name, file or selector; waits until the objects are gone.</summary>
internal sealed class DeleteCommand(KubectlContext context)
{
    public static readonly Flag[] Flags =
    [
        new("filename", 'f'), Flag.Switch("recursive", 'R'), new("selector", 'l'), new("field-selector"), Flag.Switch("all"), Flag.Switch("all-namespaces", 'A'), new("grace-period"), Flag.Switch("force"),
        Flag.Switch("now"), new("wait", ValueIfBare: "true"), Flag.Switch("ignore-not-found"), new("cascade", ValueIfBare: "background"), new("output", 'o'), new("dry-run", ValueIfBare: "client"), new("timeout"),
    ];

    private readonly Arguments _arguments = context.Arguments;

    public async Task<int> RunAsync(CancellationToken cancel)
    {
        var mapper = await context.MapperAsync(cancel);
        var targets = new List<(KnownResource Resource, string Namespace, string Name)>();
        if (_arguments.All("filename") is { Count: > 0 } files)
        {
            foreach (var manifest in Manifests.Read(files, _arguments.IsSet("recursive")))
            {
                var resource = mapper.OfObject(manifest.Object, manifest.Source);
                targets.Add((resource, context.NamespaceFor(resource, manifest.Object, manifest.Source), (string?)manifest.Object["metadata"]?["name"] ?? ""));
            }
        }
        else
        {
            if (_arguments.Words.Count == 0) throw new CommandFailure("error: You must provide one or more resources by argument or filename.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'");
            foreach (var argument in ResourceArguments.Parse(mapper, _arguments.Words)) await AddAsync(targets, argument, cancel);
        }
        if (targets.Count == 0)
        {
            if (!_arguments.IsSet("ignore-not-found")) await context.Out.WriteLineAsync("No resources found");
            return 0;
        }
        if (_arguments.IsSet("force"))
            await context.Error.WriteLineAsync("Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.");
        var failed = false;
        var gone = new List<(KnownResource Resource, string Namespace, string Name, string Uid)>();
        foreach (var (resource, ns, name) in targets)
        {
            try
            {
                var answer = await context.Api.SendAsync(HttpMethod.Delete, resource.Path(ns, name), Options(), "application/json", cancel);
                var isStatus = (string?)answer["kind"] == "Status";
                gone.Add((resource, ns, name, (string?)(isStatus ? answer["details"]?["uid"] : answer["metadata"]?["uid"]) ?? ""));
                var forced = _arguments.IsSet("force") ? " force" : "";
                await context.Out.WriteLineAsync(_arguments.Text("output") == "name" ? $"{resource.QualifiedSingular}/{name}" : $"{resource.QualifiedSingular} \"{name}\"{forced} deleted{From(ns)}{Dry()}");
            }
            catch (StatusException refused)
            {
                if (refused.IsNotFound && _arguments.IsSet("ignore-not-found")) continue;
                await context.Error.WriteLineAsync(KubectlCommand.Message(refused));
                failed = true;
            }
        }
        var waits = _arguments.Text("wait", _arguments.IsSet("force") ? "false" : "true") != "false" && !_arguments.IsSet("dry-run");
        if (waits)
            foreach (var (resource, ns, name, uid) in gone) await WaitAsync(resource, ns, name, uid, cancel);
        return failed ? 1 : 0;
    }

    private static string From(string ns) => ns.Length > 0 ? $" from {ns} namespace" : "";

    private string Dry() => _arguments.IsServerDryRun() ? " (server dry run)" : _arguments.IsClientDryRun() ? " (dry run)" : "";

    private async Task AddAsync(List<(KnownResource Resource, string Namespace, string Name)> targets, ResourceArgument argument, CancellationToken cancel)
    {
        var ns = context.NamespaceOf(argument.Resource);
        if (argument.Name is { } name)
        {
            targets.Add((argument.Resource, ns, name));
            return;
        }
        var labels = _arguments.Find("selector");
        var fields = _arguments.Find("field-selector");
        if (labels is null && fields is null && !_arguments.IsSet("all")) throw new CommandFailure("error: resource(s) were provided, but no name was specified");
        var query = $"?labelSelector={Uri.EscapeDataString(labels ?? "")}&fieldSelector={Uri.EscapeDataString(fields ?? "")}";
        var list = await context.Api.GetAsync(argument.Resource.Path(ns) + query, cancel);
        foreach (var item in list["items"] as JsonArray ?? []) targets.Add((argument.Resource, (string?)item?["metadata"]?["namespace"] ?? "", (string?)item?["metadata"]?["name"] ?? ""));
    }

    private JsonObject Options()
    {
        var options = new JsonObject { ["kind"] = "DeleteOptions", ["apiVersion"] = "v1" };
        options["propagationPolicy"] = _arguments.Text("cascade", "background") switch { "orphan" or "false" => "Orphan", "foreground" => "Foreground", _ => "Background" };
        var grace = _arguments.IsSet("now") ? 1 : _arguments.Number("grace-period") ?? -1;
        if (_arguments.IsSet("force") && grace < 0) grace = 0;
        if (grace >= 0) options["gracePeriodSeconds"] = grace;
        if (_arguments.IsServerDryRun()) options["dryRun"] = new JsonArray("All");
        return options;
    }

    /// <summary>Returns when the object is gone, or another has its name.</summary>
    private async Task WaitAsync(KnownResource resource, string ns, string name, string uid, CancellationToken cancel)
    {
        var selector = $"?fieldSelector={Uri.EscapeDataString($"metadata.name={name}")}";
        var list = await context.Api.GetAsync(resource.Path(ns) + selector, cancel);
        if (!(list["items"] as JsonArray ?? []).Any(i => uid.Length == 0 || (string?)i?["metadata"]?["uid"] == uid)) return;
        using var answer = await context.Api.OpenAsync(
            HttpMethod.Get, $"{resource.Path(ns)}{selector}&watch=true&resourceVersion={(string?)list["metadata"]?["resourceVersion"]}", null, "", "application/json", HttpCompletionOption.ResponseHeadersRead, cancel);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(cancel));
        while (await reader.ReadLineAsync(cancel) is { } line)
            if (JsonNode.Parse(line) is JsonObject change && (string?)change["type"] == "DELETED" && (uid.Length == 0 || (string?)change["object"]?["metadata"]?["uid"] == uid)) return;
    }
}
