using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Kubectl.Output;
using Bramble.Kubectl.Resources;

namespace Bramble.Kubectl.Commands;

/// <summary><c>kubectl rollout</c>: status, restart, undo, history, pause, resume.</summary>
internal sealed class RolloutCommand(KubectlContext context)
{
    public static readonly Flag[] Flags = [.. WriteOptions.Flags, new("to-revision"), new("revision"), new("watch", 'w', ValueIfBare: "true"), new("timeout"), new("selector", 'l'), new("filename", 'f')];

    private const string Revision = "deployment.kubernetes.io/revision";

    private readonly Arguments _arguments = context.Arguments;

    public async Task<int> RunAsync(CancellationToken cancel)
    {
        if (_arguments.Words.Count == 0) throw CommandFailure.Usage("rollout", "must specify a subcommand: history, pause, restart, resume, status, undo");
        var action = _arguments.Words[0];
        if (action is not ("status" or "restart" or "undo" or "history" or "pause" or "resume")) throw CommandFailure.Usage("rollout", $"unknown command \"{action}\"");
        var targets = ResourceArguments.Parse(await context.MapperAsync(cancel), _arguments.Words.Skip(1).ToList());
        if (targets.Count == 0 || targets.Any(t => t.Name is null)) throw new CommandFailure("error: required resource not specified");
        foreach (var target in targets)
            switch (action)
            {
                case "status":
                    await StatusAsync(target, cancel);
                    break;
                case "restart":
                    await RestartAsync(target, cancel);
                    break;
                case "undo":
                    await UndoAsync(target, cancel);
                    break;
                case "history":
                    await HistoryAsync(target, cancel);
                    break;
                default:
                    await PauseAsync(target, action == "pause", cancel);
                    break;
            }
        return 0;
    }

    private string Path(ResourceArgument target) => target.Resource.Path(context.NamespaceOf(target.Resource), target.Name);

    private async Task StatusAsync(ResourceArgument target, CancellationToken cancel)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        if (_arguments.Find("timeout") is { } limit && Durations.Parse(limit) > TimeSpan.Zero) timeout.CancelAfter(Durations.Parse(limit));
        var obj = await context.Api.GetAsync(Path(target), cancel);
        var (text, isDone) = Describe(target.Resource, obj);
        await context.Out.WriteAsync(text);
        if (isDone || _arguments.Text("watch") == "false") return;
        var path = $"{target.Resource.Path(context.NamespaceOf(target.Resource))}?watch=true&fieldSelector={Uri.EscapeDataString($"metadata.name={target.Name}")}&resourceVersion={(string?)obj["metadata"]?["resourceVersion"]}";
        try
        {
            using var answer = await context.Api.OpenAsync(HttpMethod.Get, path, null, "", "application/json", HttpCompletionOption.ResponseHeadersRead, timeout.Token);
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(timeout.Token));
            while (await reader.ReadLineAsync(timeout.Token) is { } line)
            {
                if (JsonNode.Parse(line)?["object"] is not JsonObject changed) continue;
                (var now, isDone) = Describe(target.Resource, changed);
                if (now != text || isDone) await context.Out.WriteAsync(now);
                text = now;
                if (isDone) return;
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new CommandFailure("error: timed out waiting for the condition");
        }
    }

    private static (string Text, bool IsDone) Describe(KnownResource resource, JsonObject obj)
    {
        var name = (string?)obj["metadata"]?["name"];
        long Of(string part, string field) => (long?)obj[part]?[field] ?? 0;
        var observed = Of("status", "observedGeneration") >= ((long?)obj["metadata"]?["generation"] ?? 0);
        switch (resource.Plural)
        {
            case "deployments":
                if (!observed) return ("Waiting for deployment spec update to be observed...\n", false);
                if ((obj["status"]?["conditions"] as JsonArray ?? []).Any(c => (string?)c?["type"] == "Progressing" && (string?)c["reason"] == "ProgressDeadlineExceeded"))
                    throw new CommandFailure($"error: deployment \"{name}\" exceeded its progress deadline");
                var replicas = (long?)obj["spec"]?["replicas"] ?? 1;
                var updated = Of("status", "updatedReplicas");
                if (updated < replicas) return ($"Waiting for deployment \"{name}\" rollout to finish: {updated} out of {replicas} new replicas have been updated...\n", false);
                if (Of("status", "replicas") > updated) return ($"Waiting for deployment \"{name}\" rollout to finish: {Of("status", "replicas") - updated} old replicas are pending termination...\n", false);
                if (Of("status", "availableReplicas") < updated) return ($"Waiting for deployment \"{name}\" rollout to finish: {Of("status", "availableReplicas")} of {updated} updated replicas are available...\n", false);
                return ($"deployment \"{name}\" successfully rolled out\n", true);
            case "daemonsets":
                if (!observed) return ("Waiting for daemon set spec update to be observed...\n", false);
                var desired = Of("status", "desiredNumberScheduled");
                if (Of("status", "updatedNumberScheduled") < desired)
                    return ($"Waiting for daemon set \"{name}\" rollout to finish: {Of("status", "updatedNumberScheduled")} out of {desired} new pods have been updated...\n", false);
                if (Of("status", "numberAvailable") < desired) return ($"Waiting for daemon set \"{name}\" rollout to finish: {Of("status", "numberAvailable")} of {desired} updated pods are available...\n", false);
                return ($"daemon set \"{name}\" successfully rolled out\n", true);
            case "statefulsets":
                if (!observed) return ("Waiting for statefulset spec update to be observed...\n", false);
                var wanted = (long?)obj["spec"]?["replicas"] ?? 1;
                if (Of("status", "readyReplicas") < wanted) return ($"Waiting for {wanted - Of("status", "readyReplicas")} pods to be ready...\n", false);
                if ((string?)obj["status"]?["updateRevision"] != (string?)obj["status"]?["currentRevision"])
                    return ($"waiting for statefulset rolling update to complete {Of("status", "updatedReplicas")} pods at revision {(string?)obj["status"]?["updateRevision"]}...\n", false);
                return ($"statefulset rolling update complete {Of("status", "currentReplicas")} pods at revision {(string?)obj["status"]?["currentRevision"]}...\n", true);
            default:
                throw new CommandFailure($"error: no status viewer has been implemented for {resource.Kind}");
        }
    }

    private async Task RestartAsync(ResourceArgument target, CancellationToken cancel)
    {
        if (target.Resource.Plural is not ("deployments" or "daemonsets" or "statefulsets")) throw new CommandFailure($"error: {target.Resource.Plural} \"{target.Name}\" restarting is not supported");
        var stamp = context.Now.ToLocalTime().ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture).Replace("+00:00", "Z", StringComparison.Ordinal);
        var patch = new JsonObject
        {
            ["spec"] = new JsonObject { ["template"] = new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { ["kubectl.kubernetes.io/restartedAt"] = stamp } } } },
        };
        var result = await context.Api.SendAsync(HttpMethod.Patch, Path(target) + _arguments.Query("kubectl-rollout"), patch, "application/strategic-merge-patch+json", cancel);
        await context.PrintResultAsync(target.Resource, result, "restarted");
    }

    private async Task PauseAsync(ResourceArgument target, bool pauses, CancellationToken cancel)
    {
        if (target.Resource.Plural != "deployments") throw new CommandFailure($"error: {target.Resource.Plural} \"{target.Name}\" {(pauses ? "pausing" : "resuming")} is not supported");
        var live = await context.Api.GetAsync(Path(target), cancel);
        if (((bool?)live["spec"]?["paused"] ?? false) == pauses) throw new CommandFailure($"error: deployments.apps \"{target.Name}\" {(pauses ? "is already paused" : "is not paused")}");
        var patch = new JsonObject { ["spec"] = new JsonObject { ["paused"] = pauses ? true : null } };
        var result = await context.Api.SendAsync(HttpMethod.Patch, Path(target) + _arguments.Query("kubectl-rollout"), patch, "application/strategic-merge-patch+json", cancel);
        await context.PrintResultAsync(target.Resource, result, pauses ? "paused" : "resumed");
    }

    private async Task<SortedDictionary<long, JsonObject>> RevisionsAsync(ResourceArgument target, JsonObject obj, CancellationToken cancel)
    {
        var revisions = new SortedDictionary<long, JsonObject>();
        var uid = (string?)obj["metadata"]?["uid"];
        var isDeployment = target.Resource.Plural == "deployments";
        var path = (await context.MapperAsync(cancel)).Get(isDeployment ? "replicasets.apps" : "controllerrevisions.apps").Path(context.Namespace);
        var list = await context.Api.GetAsync(path, cancel);
        foreach (var item in (list["items"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if (!(item["metadata"]?["ownerReferences"] as JsonArray ?? []).Any(o => (string?)o?["uid"] == uid)) continue;
            var revision = isDeployment ? (string?)item["metadata"]?["annotations"]?[Revision] : item["revision"]?.ToString();
            if (long.TryParse(revision, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) revisions[number] = item;
        }
        return revisions;
    }

    private async Task HistoryAsync(ResourceArgument target, CancellationToken cancel)
    {
        if (target.Resource.Plural is not ("deployments" or "daemonsets" or "statefulsets")) throw new CommandFailure($"error: no history viewer has been implemented for {target.Resource.Kind}");
        var obj = await context.Api.GetAsync(Path(target), cancel);
        var revisions = await RevisionsAsync(target, obj, cancel);
        if (_arguments.Number("revision") is { } asked)
        {
            if (!revisions.TryGetValue(asked, out var one)) throw new CommandFailure($"error: unable to find the specified revision");
            await context.Out.WriteLineAsync($"{target.Resource.QualifiedSingular}/{target.Name} with revision #{asked}");
            await context.Out.WriteAsync(ObjectText.Yaml((one["spec"]?["template"] ?? one["data"]?["spec"]?["template"] ?? new JsonObject()).DeepClone()));
            return;
        }
        await context.Out.WriteLineAsync($"{target.Resource.QualifiedSingular}/{target.Name} ");
        if (revisions.Count == 0)
        {
            await context.Out.WriteLineAsync("No rollout history found.");
            return;
        }
        var lines = new List<IReadOnlyList<string>> { new[] { "REVISION", "CHANGE-CAUSE" } };
        foreach (var (number, item) in revisions) lines.Add([number.ToString(CultureInfo.InvariantCulture), (string?)item["metadata"]?["annotations"]?["kubernetes.io/change-cause"] ?? "<none>"]);
        await context.Out.WriteAsync(new TextTable().Format(lines.Select(l => (IReadOnlyList<string>)[l[0].PadRight(8) + "  " + l[1]]).ToList()));
        await context.Out.WriteLineAsync();
    }

    private async Task UndoAsync(ResourceArgument target, CancellationToken cancel)
    {
        if (target.Resource.Plural is not ("deployments" or "daemonsets" or "statefulsets")) throw new CommandFailure($"error: no rollbacker has been implemented for {target.Resource.Kind}");
        var obj = await context.Api.GetAsync(Path(target), cancel);
        var revisions = await RevisionsAsync(target, obj, cancel);
        var to = _arguments.Number("to-revision") ?? 0;
        JsonObject? back;
        if (to > 0)
        {
            if (!revisions.TryGetValue(to, out back)) throw new CommandFailure("error: unable to find specified revision " + to.ToString(CultureInfo.InvariantCulture) + " in history");
        }
        else
        {
            back = revisions.Count > 1 ? revisions.Reverse().ElementAt(1).Value : throw new CommandFailure($"error: no rollout history found for {target.Resource.Kind.ToLowerInvariant()} \"{target.Name}\"");
        }
        if ((bool?)obj["spec"]?["paused"] == true)
            throw new CommandFailure($"error: you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again");
        JsonObject result;
        if (target.Resource.Plural == "deployments")
        {
            var template = (JsonObject)back["spec"]!["template"]!.DeepClone();
            (template["metadata"]?["labels"] as JsonObject)?.Remove("pod-template-hash");
            if (JsonNode.DeepEquals(template, obj["spec"]?["template"]))
            {
                await context.Out.WriteLineAsync($"{target.Resource.QualifiedSingular}/{target.Name} skipped rollback (current template already matches revision {(to > 0 ? to : revisions.Keys.Max())})");
                return;
            }
            var patch = new JsonArray(new JsonObject { ["op"] = "replace", ["path"] = "/spec/template", ["value"] = template });
            result = await context.Api.SendAsync(HttpMethod.Patch, Path(target) + _arguments.Query("kubectl-rollout"), patch, "application/json-patch+json", cancel);
        }
        else
        {
            result = await context.Api.SendAsync(HttpMethod.Patch, Path(target) + _arguments.Query("kubectl-rollout"), back["data"]!.DeepClone(), "application/strategic-merge-patch+json", cancel);
        }
        await context.PrintResultAsync(target.Resource, result, "rolled back");
    }
}
