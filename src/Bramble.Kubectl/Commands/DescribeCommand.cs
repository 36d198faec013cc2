using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Kubectl.Describing;
using Bramble.Kubectl.Output;
using Bramble.Kubectl.Resources;

namespace Bramble.Kubectl.Commands;

/// <summary><c>kubectl describe</c>: workloads, services, configuration, namespaces and nodes in kubectl's form, everything else field by field; events below.</summary>
internal sealed class DescribeCommand(KubectlContext context)
{
    public static readonly Flag[] Flags = [new("selector", 'l'), Flag.Switch("all-namespaces", 'A'), new("show-events", ValueIfBare: "true"), new("filename", 'f'), new("chunk-size"), Flag.Switch("recursive", 'R')];

    public async Task<int> RunAsync(CancellationToken cancel)
    {
        var mapper = await context.MapperAsync(cancel);
        var wanted = context.Arguments.All("filename") is { Count: > 0 } files
            ? Manifests.Read(files, context.Arguments.IsSet("recursive")).Select(m => new ResourceArgument(mapper.OfObject(m.Object, m.Source), (string?)m.Object["metadata"]?["name"])).ToList()
            : ResourceArguments.Parse(mapper, context.Arguments.Words);
        if (wanted.Count == 0) throw new CommandFailure("error: You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of supported resources.");
        var isFirst = true;
        var failed = false;
        foreach (var one in wanted)
        {
            IReadOnlyList<JsonObject> objects;
            try
            {
                objects = await FindAsync(one, cancel);
            }
            catch (StatusException refused) when (wanted.Count > 1)
            {
                await context.Error.WriteLineAsync(KubectlCommand.Message(refused));
                failed = true;
                continue;
            }
            foreach (var obj in objects)
            {
                if (!isFirst) await context.Out.WriteAsync("\n\n");
                isFirst = false;
                await context.Out.WriteAsync(await DescribeAsync(one.Resource, obj, cancel));
            }
        }
        if (isFirst && !failed) await context.Error.WriteLineAsync(wanted[0].Resource.IsNamespaced && !context.IsForAllNamespaces ? $"No resources found in {context.Namespace} namespace." : "No resources found");
        return failed ? 1 : 0;
    }

    private async Task<IReadOnlyList<JsonObject>> FindAsync(ResourceArgument one, CancellationToken cancel)
    {
        var ns = context.NamespaceOf(one.Resource);
        if (one.Name is null) return await ListAsync(one.Resource, ns, context.Arguments.Text("selector"), cancel);
        try
        {
            return [await context.Api.GetAsync(one.Resource.Path(ns, one.Name), cancel)];
        }
        catch (StatusException missing) when (missing.IsNotFound)
        {
            // A name may be a prefix.
            var all = (await ListAsync(one.Resource, ns, "", cancel)).Where(o => ((string?)o["metadata"]?["name"])?.StartsWith(one.Name, StringComparison.Ordinal) == true).ToList();
            if (all.Count > 0) return all;
            throw;
        }
    }

    private async Task<IReadOnlyList<JsonObject>> ListAsync(KnownResource resource, string ns, string selector, CancellationToken cancel)
    {
        var list = await context.Api.GetAsync($"{resource.Path(ns)}?labelSelector={Uri.EscapeDataString(selector)}&limit=500", cancel);
        var objects = (list["items"] as JsonArray ?? []).Select(i => (JsonObject)i!.DeepClone()).ToList();
        // A list's items do not name their kind; their events do.
        foreach (var obj in objects) (obj["kind"], obj["apiVersion"]) = (resource.Kind, resource.ApiVersion);
        return objects;
    }

    private async Task<string> DescribeAsync(KnownResource resource, JsonObject obj, CancellationToken cancel)
    {
        var text = new TabbedText();
        var metadata = obj["metadata"];
        var (name, ns) = ((string?)metadata?["name"] ?? "", (string?)metadata?["namespace"] ?? "");
        switch (resource.QualifiedPlural)
        {
            case "pods":
                PodDescription.Write(text, obj, context.Now);
                break;
            case "nodes":
                await NodeAsync(text, obj, cancel);
                break;
            case "deployments.apps":
                WorkloadDescription.Deployment(text, obj, await ItemsAsync($"apis/apps/v1/namespaces/{ns}/replicasets", $"labelSelector={Selector(obj)}", cancel));
                break;
            case "replicasets.apps":
                WorkloadDescription.ReplicaSet(text, obj, await PodsOfAsync(obj, cancel));
                break;
            case "statefulsets.apps":
                WorkloadDescription.StatefulSet(text, obj, await PodsOfAsync(obj, cancel));
                break;
            case "daemonsets.apps":
                WorkloadDescription.DaemonSet(text, obj, await PodsOfAsync(obj, cancel));
                break;
            case "jobs.batch":
                WorkloadDescription.Job(text, obj);
                break;
            case "cronjobs.batch":
                WorkloadDescription.CronJob(text, obj);
                break;
            case "services":
                ServiceDescription.Write(text, obj, await ItemsAsync($"apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices", $"labelSelector={Uri.EscapeDataString($"kubernetes.io/service-name={name}")}", cancel));
                break;
            case "configmaps":
                DataDescription.ConfigMap(text, obj);
                break;
            case "secrets":
                // Like the ordinary kubectl: no events below a Secret or a namespace.
                DataDescription.Secret(text, obj);
                return text.ToString();
            case "namespaces":
                NamespaceDescription.Write(text, obj, await ItemsAsync($"api/v1/namespaces/{name}/resourcequotas", "", cancel), await ItemsAsync($"api/v1/namespaces/{name}/limitranges", "", cancel));
                return text.ToString();
            default:
                FieldDescription.Write(text, obj);
                break;
        }
        await EventsAsync(text, obj, cancel);
        return text.ToString();
    }

    private async Task<PodCounts> PodsOfAsync(JsonObject workload, CancellationToken cancel) =>
        PodCounts.Of(await ItemsAsync($"api/v1/namespaces/{(string?)workload["metadata"]?["namespace"]}/pods", $"labelSelector={Selector(workload)}", cancel), (string?)workload["metadata"]?["uid"] ?? "");

    private static string Selector(JsonObject workload) => Uri.EscapeDataString(FieldDescription.Selector(workload["spec"]?["selector"]));

    private async Task<IReadOnlyList<JsonObject>> ItemsAsync(string path, string query, CancellationToken cancel) =>
        [.. ((await context.Api.GetAsync(query.Length > 0 ? $"{path}?{query}" : path, cancel))["items"] as JsonArray ?? []).OfType<JsonObject>()];

    private async Task NodeAsync(TabbedText text, JsonObject node, CancellationToken cancel)
    {
        var name = (string?)node["metadata"]?["name"] ?? "";
        var pods = await ItemsAsync("api/v1/pods", $"fieldSelector={Uri.EscapeDataString($"spec.nodeName={name},status.phase!=Succeeded,status.phase!=Failed")}", cancel);
        var leases = await ItemsAsync("apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", $"fieldSelector={Uri.EscapeDataString($"metadata.name={name}")}", cancel);
        NodeDescription.Write(text, node, leases.FirstOrDefault(), pods, context.Now);
    }

    private async Task EventsAsync(TabbedText text, JsonObject obj, CancellationToken cancel)
    {
        if (context.Arguments.Text("show-events") == "false" || (string?)obj["kind"] == "Event") return;
        var metadata = obj["metadata"];
        var ns = (string?)metadata?["namespace"] ?? "";
        var selector = $"involvedObject.name={metadata?["name"]},involvedObject.kind={(string?)obj["kind"]}" + (ns.Length > 0 ? $",involvedObject.namespace={ns}" : "");
        if ((string?)obj["kind"] != "Node" && (string?)metadata?["uid"] is { } uid) selector += $",involvedObject.uid={uid}";
        var list = await context.Api.GetAsync((ns.Length > 0 ? $"api/v1/namespaces/{ns}/events" : "api/v1/events") + $"?fieldSelector={Uri.EscapeDataString(selector)}&limit=500", cancel);
        var events = (list["items"] as JsonArray ?? []).OfType<JsonObject>().OrderBy(e => Last(e), StringComparer.Ordinal).ToList();
        if (events.Count == 0)
        {
            text.Line(0, "Events:\t<none>");
            return;
        }
        text.Line(0, "Events:");
        text.Line(1, "Type\tReason\tAge\tFrom\tMessage");
        text.Line(1, "----\t------\t----\t----\t-------");
        foreach (var e in events)
        {
            var count = (long?)e["count"] ?? (long?)e["series"]?["count"] ?? 1;
            var first = (string?)e["firstTimestamp"] ?? (string?)e["eventTime"];
            var age = count > 1 ? $"{Age.Since(Last(e), context.Now)} (x{count} over {Age.Since(first, context.Now)})" : Age.Since(first, context.Now);
            var source = (string?)e["source"]?["component"] is { Length: > 0 } component ? component : (string?)e["reportingComponent"] ?? "";
            var part = (string?)e["involvedObject"]?["fieldPath"] is { Length: > 0 } path ? $"{path}: " : "";
            text.Line(1, $"{(string?)e["type"]}\t{(string?)e["reason"]}\t{age}\t{source}\t{part}{((string?)e["message"])?.Trim()}");
        }
    }

    private static string Last(JsonObject e) => (string?)e["series"]?["lastObservedTime"] ?? (string?)e["lastTimestamp"] ?? (string?)e["eventTime"] ?? "";
}
