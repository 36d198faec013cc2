using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;
using Bramble.Client;

namespace Bramble.ApiServer.CustomResources;

/// <summary>Accepts CustomResourceDefinitions and, when one is deleted, deletes its objects first. What is served follows from the definitions by itself
/// (<see cref="ResourceTable"/>). One task; woken by changes of definitions and, while one is going, by those of its objects.</summary>
public sealed class DefinitionPublisher(ApiPipeline pipeline, IKubeClient client, TimeProvider time)
{
    private static readonly ResourceId Definitions = new("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    public async Task RunAsync(CancellationToken cancel)
    {
        var cache = pipeline.Cache.Of(Definitions.GroupResource);
        while (true)
        {
            List<Task> changes = [cache.Changed];
            TimeSpan? again = null;
            var all = cache.Current.Items.Range("").Select(obj => new Definition(obj)).ToList();
            for (var i = 0; i < all.Count; i++)
            {
                var definition = all[i];
                try
                {
                    if (definition.IsBeingDeleted)
                    {
                        // Taken before the objects are counted, so that none goes unseen.
                        changes.Add(pipeline.Cache.Of(definition.Resource).Changed);
                        if (await CleanUpAsync(definition, cancel) is { } wait && (again is null || wait < again)) again = wait;
                    }
                    else await AcceptAsync(all, i, cancel);
                }
                catch (StatusException e) when (e.Status.Code is 404 or 409)
                {
                    continue; // it changed meanwhile: its change wakes us
                }
                catch (StatusException e)
                {
                    CustomResourcesLog.DefinitionFailed(pipeline.Log, definition.Name, e.Message);
                    again = RetryAfter;
                }
            }
            using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            changes.Add(Task.Delay(again ?? Timeout.InfiniteTimeSpan, time, timer.Token));
            await Task.WhenAny(changes).WaitAsync(cancel);
            await timer.CancelAsync();
            cancel.ThrowIfCancellationRequested();
        }
    }

    /// <param name="all">Gets what was written: of two that want one name in the same moment the second must know of the first.</param>
    private async Task AcceptAsync(List<Definition> all, int index, CancellationToken cancel)
    {
        while (DefinitionNaming.Decide(all[index], all, time.GetUtcNow()) is { } status) all[index] = new Definition(await WriteStatusAsync(all[index], status, cancel));
    }

    private ValueTask<KubeObject> WriteStatusAsync(Definition definition, JsonObject status, CancellationToken cancel)
    {
        var tree = (JsonObject)definition.Tree.DeepClone();
        tree["status"] = status;
        return client.UpdateAsync(Definitions, new NamespacedName("", definition.Name), tree, "status", cancel);
    }

    /// <summary>Deletes all objects; when none is left the definition may go. Nobody can refuse, as nobody could the deletion of the definition.</summary>
    /// <returns>When to look again if nothing changes.</returns>
    private async Task<TimeSpan?> CleanUpAsync(Definition definition, CancellationToken cancel)
    {
        if (!definition.HasFinalizer) return null;
        if (!DefinitionNaming.IsEnding(definition))
        {
            // It may take a while. The change brings it back.
            await WriteStatusAsync(definition, Terminating(definition, true, "InstanceDeletionInProgress", "CustomResource deletion is in progress"), cancel);
            return null;
        }
        var objects = pipeline.Cache.Of(definition.Resource);
        if (definition.IsEstablished)
        {
            foreach (var obj in objects.Current.Items.Range(""))
                if (!obj.ToTree().IsBeingDeleted()) await pipeline.DeleteUnaskedAsync(definition.Resource, obj.Name, cancel);
            if (objects.Current.Items.Count > 0)
            {
                // Finalizers: the objects' change wakes us.
                var (remaining, again) = DefinitionNaming.Remaining(definition, time.GetUtcNow());
                if (remaining is not null) await WriteStatusAsync(definition, remaining, cancel);
                return again;
            }
        }
        var tree = (JsonObject)definition.Tree.DeepClone();
        tree["status"] = definition.IsEstablished
            ? Terminating(definition, false, "InstanceDeletionCompleted", "removed all instances")
            : Terminating(definition, false, "NeverEstablished", "resource was never established");
        var metadata = tree.Child("metadata");
        var left = metadata.Texts("finalizers").Where(f => f != Definition.Finalizer).ToList();
        if (left.Count == 0) metadata.Remove("finalizers");
        else metadata["finalizers"] = new JsonArray([.. left.Select(f => (JsonNode)f)]);
        await client.UpdateAsync(Definitions, new NamespacedName("", definition.Name), tree, "status", cancel);
        return null;
    }

    private JsonObject Terminating(Definition definition, bool isTrue, string reason, string message) => DefinitionNaming.Terminating(definition, isTrue, reason, message, time.GetUtcNow());
}
