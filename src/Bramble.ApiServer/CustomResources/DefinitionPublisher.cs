using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
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
        var objects = pipeline.Cache.Of(definition.Resource);
        var step = DefinitionEnd.Decide(definition, objects.Current.Items.Count, time.GetUtcNow());
        if (step is DefinitionEnd.DeleteObjects && definition.StoredResource(pipeline.Cache) is { } resource)
        {
            foreach (var obj in objects.Current.Items.Range(""))
                if (!obj.ToTree().IsBeingDeleted()) await pipeline.DeleteUnaskedAsync(resource, obj.Name, cancel);
            step = DefinitionEnd.Decide(definition, objects.Current.Items.Count, time.GetUtcNow());
        }
        switch (step)
        {
            case DefinitionEnd.Tell(var status):
                await WriteStatusAsync(definition, status, cancel);     // the change brings it back
                break;
            case DefinitionEnd.DeleteObjects(var told, var again):
                // Finalizers: the objects' change wakes us.
                if (told is not null) await WriteStatusAsync(definition, told, cancel);
                return again;
            case DefinitionEnd.LetGo(var tree):
                await client.UpdateAsync(Definitions, new NamespacedName("", definition.Name), tree, "status", cancel);
                break;
        }
        return null;
    }
}
