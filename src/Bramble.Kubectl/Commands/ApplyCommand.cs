using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Patching;
using Bramble.Api.Schemas;
using Bramble.Kubectl.Resources;

namespace Bramble.Kubectl.Commands;

/// <summary><c>kubectl apply</c>: three-way from the last-applied annotation, or <c>--server-side</c>.</summary>
internal sealed class ApplyCommand(KubectlContext context)
{
    public static readonly Flag[] Flags =
    [
        .. WriteOptions.Flags, new("filename", 'f'), Flag.Switch("recursive", 'R'), new("kustomize", 'k'), Flag.Switch("server-side"), Flag.Switch("force-conflicts"), Flag.Switch("force"),
        Flag.Switch("prune"), new("selector", 'l'), Flag.Switch("all"), Flag.Switch("overwrite"), Flag.Switch("wait"), new("timeout"),
    ];

    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    private readonly Arguments _arguments = context.Arguments;

    public async Task<int> RunAsync(CancellationToken cancel)
    {
        if (_arguments.Find("kustomize") is not null) throw new CommandFailure("error: -k (kustomize) is not in Bramble's kubectl; use the ordinary kubectl with KUBECONFIG=/etc/rancher/k3s/k3s.yaml");
        if (_arguments.IsSet("prune")) throw new CommandFailure("error: --prune is not in Bramble's kubectl; use the ordinary kubectl with KUBECONFIG=/etc/rancher/k3s/k3s.yaml");
        if (_arguments.Words.Count > 0) throw CommandFailure.Usage("apply", $"Unexpected args: [{string.Join(' ', _arguments.Words)}]");
        if (_arguments.All("filename") is not { Count: > 0 } files) throw new CommandFailure("error: must specify one of -f and -k");
        var mapper = await context.MapperAsync(cancel);
        var failed = false;
        foreach (var manifest in Manifests.Read(files, _arguments.IsSet("recursive")))
        {
            try
            {
                var resource = mapper.OfObject(manifest.Object, manifest.Source);
                var ns = context.NamespaceFor(resource, manifest.Object, manifest.Source);
                if (((string?)manifest.Object["metadata"]?["name"] ?? "").Length == 0)
                    throw new CommandFailure(
                        $"error: error when retrieving current configuration of:\nResource: \"{resource.ApiVersion}, Resource={resource.Plural}\", GroupVersionKind: \"{resource.ApiVersion}, Kind={resource.Kind}\"\n"
                        + $"Name: \"\", Namespace: \"{ns}\"\nfrom server for: \"{manifest.Source}\": resource name may not be empty");
                if (_arguments.IsSet("server-side")) await ApplyOnServerAsync(resource, ns, manifest, cancel);
                else await ApplyAsync(resource, ns, manifest, cancel);
            }
            catch (StatusException refused)
            {
                await context.Error.WriteLineAsync(KubectlCommand.Message(refused, manifest.Source, "applying"));
                failed = true;
            }
            catch (CommandFailure refused)
            {
                await context.Error.WriteLineAsync(refused.Message);
                failed = true;
            }
        }
        return failed ? 1 : 0;
    }

    private async Task ApplyOnServerAsync(KnownResource resource, string ns, Manifest manifest, CancellationToken cancel)
    {
        var path = resource.Path(ns, Name(manifest.Object)) + _arguments.Query("kubectl") + (_arguments.IsSet("force-conflicts") ? "&force=true" : "&force=false");
        var applied = await context.Api.SendAsync(HttpMethod.Patch, path, manifest.Object, "application/apply-patch+yaml", cancel);
        await context.PrintResultAsync(resource, applied, "serverside-applied");
    }

    private async Task ApplyAsync(KnownResource resource, string ns, Manifest manifest, CancellationToken cancel)
    {
        var modified = WithAnnotation(manifest.Object, ns);
        JsonObject current;
        try
        {
            current = await context.Api.GetAsync(resource.Path(ns, Name(modified)), cancel);
        }
        catch (StatusException missing) when (missing.IsNotFound && !missing.Message.StartsWith("namespaces ", StringComparison.Ordinal))
        {
            var created = _arguments.IsClientDryRun()
                ? modified
                : await context.Api.SendAsync(HttpMethod.Post, resource.Path(ns) + _arguments.Query("kubectl-client-side-apply"), modified, "application/json", cancel);
            await context.PrintResultAsync(resource, created, "created");
            return;
        }
        var annotation = (string?)current["metadata"]?["annotations"]?[LastApplied];
        if (annotation is null)
            await context.Error.WriteLineAsync(
                $"Warning: resource {resource.Plural}/{Name(modified)} is missing the {LastApplied} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either "
                + "kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.");
        var last = annotation is null ? [] : JsonNode.Parse(annotation) as JsonObject ?? [];
        var type = BuiltInSchemas.FindKind(new(resource.Group, resource.Version, resource.Kind));
        var patch = type is null ? MergePatch.Diff3(last, modified, current) : StrategicDiff.ThreeWay(last, modified, current, type);
        if (patch.Count == 0)
        {
            await context.PrintResultAsync(resource, current, "unchanged");
            return;
        }
        var contentType = type is null ? "application/merge-patch+json" : "application/strategic-merge-patch+json";
        var patched = _arguments.IsClientDryRun()
            ? current
            : await context.Api.SendAsync(HttpMethod.Patch, resource.Path(ns, Name(modified)) + _arguments.Query("kubectl-client-side-apply"), patch, contentType, cancel);
        await context.PrintResultAsync(resource, patched, JsonNode.DeepEquals(patched["metadata"]?["resourceVersion"], current["metadata"]?["resourceVersion"]) && !_arguments.IsClientDryRun() ? "unchanged" : "configured");
    }

    /// <summary>The object with itself as annotation, as kubectl writes it: sorted keys, a line break at the end.</summary>
    private static JsonObject WithAnnotation(JsonObject manifest, string ns)
    {
        var modified = (JsonObject)manifest.DeepClone();
        if (modified["metadata"] is not JsonObject metadata) modified["metadata"] = metadata = [];
        if (ns.Length > 0) metadata["namespace"] = ns;
        if (metadata["annotations"] is not JsonObject annotations) metadata["annotations"] = annotations = [];
        annotations.Remove(LastApplied);
        annotations[LastApplied] = Encoding.UTF8.GetString(TreeText.Write(Output.ObjectText.Sorted(modified)).Span) + "\n";
        return modified;
    }

    private static string Name(JsonObject obj) => (string?)obj["metadata"]?["name"] ?? "";
}
