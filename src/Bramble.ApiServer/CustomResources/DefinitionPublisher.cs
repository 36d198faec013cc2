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
            var isDone = true;
            var all = cache.Current.Items.Range("").Select(obj => new Definition(obj)).ToList();
            foreach (var definition in all)
            {
                try
                {
                    if (definition.IsBeingDeleted)
                    {
                        // Taken before the objects are counted, so that none goes unseen.
                        changes.Add(pipeline.Cache.Of(definition.Resource).Changed);
                        await CleanUpAsync(definition, cancel);
                    }
                    else await AcceptAsync(definition, all, cancel);
                }
                catch (StatusException e) when (e.Status.Code is 404 or 409)
                {
                    continue; // it changed meanwhile: its change wakes us
                }
                catch (StatusException e)
                {
                    CustomResourcesLog.DefinitionFailed(pipeline.Log, definition.Name, e.Message);
                    isDone = false;
                }
            }
            var changed = Task.WhenAny(changes);
            if (isDone) await changed.WaitAsync(cancel);
            else await Task.WhenAny(changed, Task.Delay(RetryAfter, time, cancel));
            cancel.ThrowIfCancellationRequested();
        }
    }

    private async Task AcceptAsync(Definition definition, List<Definition> all, CancellationToken cancel)
    {
        if (DefinitionNaming.Decide(definition, all, time.GetUtcNow()) is { } status) await WriteStatusAsync(definition, status, cancel);
    }

    private Task WriteStatusAsync(Definition definition, JsonObject status, CancellationToken cancel)
    {
        var tree = (JsonObject)definition.Tree.DeepClone();
        tree["status"] = status;
        return client.UpdateAsync(Definitions, new NamespacedName("", definition.Name), tree, "status", cancel).AsTask();
    }

    /// <summary>Deletes all objects; when none is left the definition may go.</summary>
    private async Task CleanUpAsync(Definition definition, CancellationToken cancel)
    {
        if (!definition.HasFinalizer) return;
        var inProgress = Terminating(definition, true, "InstanceDeletionInProgress", "CustomResource deletion is in progress");
        if (!JsonNode.DeepEquals(inProgress, definition.Tree.Object("status")))
        {
            // It may take a while. The change brings it back.
            await WriteStatusAsync(definition, inProgress, cancel);
            return;
        }
        var objects = pipeline.Cache.Of(definition.Resource);
        var version = definition.IsEstablished ? pipeline.Resources.VersionOf(definition.Resource) : null;
        if (version is not null)
            foreach (var obj in objects.Current.Items.Range(""))
            {
                if (obj.ToTree().IsBeingDeleted()) continue;
                await client.DeleteAsync(new ResourceId(definition.Group, version, definition.Resource.Resource, definition.Names.Text("kind"), definition.IsNamespaced), obj.Name, new DeleteQuery(), cancel);
            }
        if (version is not null && objects.Current.Items.Count > 0) return; // finalizers: the objects' change wakes us
        var tree = (JsonObject)definition.Tree.DeepClone();
        tree["status"] = version is null
            ? Terminating(definition, false, "NeverEstablished", "resource was never established")
            : Terminating(definition, false, "InstanceDeletionCompleted", "removed all instances");
        var metadata = tree.Child("metadata");
        var left = metadata.Texts("finalizers").Where(f => f != Definition.Finalizer).ToList();
        if (left.Count == 0) metadata.Remove("finalizers");
        else metadata["finalizers"] = new JsonArray([.. left.Select(f => (JsonNode)f)]);
        await client.UpdateAsync(Definitions, new NamespacedName("", definition.Name), tree, "status", cancel);
    }

    private JsonObject Terminating(Definition definition, bool isTrue, string reason, string message)
    {
        var status = (JsonObject?)definition.Tree.Object("status")?.DeepClone() ?? [];
        DefinitionNaming.SetCondition(status, "Terminating", isTrue, reason, message, time.GetUtcNow());
        return status;
    }
}
