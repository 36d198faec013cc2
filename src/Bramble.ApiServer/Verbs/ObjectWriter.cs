using System.Text.Json.Nodes;
using Bramble.Api.Apply;
using Bramble.Api.Decoding;
using Bramble.Api.Naming;
using Bramble.ApiServer.Requests;
using Bramble.Client;

namespace Bramble.ApiServer.Verbs;

/// <summary>The pipeline's writes for endpoints; authorization is the caller's.</summary>
internal sealed class ObjectWriter(ApiPipeline pipeline) : IObjectWriter
{
    public ValueTask<KubeObject> UpdateAsync(
        GroupResource resource, NamespacedName name, string subresource, ApiRequest request, bool isDryRun, Func<JsonObject, bool> change, CancellationToken cancel)
    {
        var context = Context(resource, name, subresource, request, isDryRun);
        return pipeline.UpdateAsync(
            context,
            live =>
            {
                var obj = (JsonObject)live!.DeepClone();
                if (change(obj)) ManagedFields.Update(live, obj, context.FieldWrite);
                return obj;
            },
            cancel);
    }

    public ValueTask<KubeObject> ChangeStoredAsync(
        GroupResource resource, NamespacedName name, ApiRequest request, bool isDryRun, Func<JsonObject, bool> change, CancellationToken cancel) =>
        pipeline.ChangeStoredAsync(Context(resource, name, "", request, isDryRun), change, cancel);

    public ValueTask<KubeObject> CreateAsync(GroupResource resource, string ns, JsonObject obj, ApiRequest request, bool isDryRun, CancellationToken cancel)
    {
        var context = Context(resource, new(ns, ""), "", request, isDryRun);
        obj["kind"] = context.Resource.Kind.Kind;
        obj["apiVersion"] = context.Resource.Kind.GroupVersion.ToString();
        return pipeline.CreateAsync(context, Normalizer.Normalize(obj, context.Resource.Type), cancel);
    }

    public async ValueTask<JsonObject> DeleteAsync(GroupResource resource, NamespacedName name, JsonObject? options, ApiRequest request, bool isDryRun, CancellationToken cancel)
    {
        var how = options is null ? new DeleteOptions() : DeleteOptions.OfTree(options);
        if (isDryRun) how = how with { DryRun = ["All"] };
        var result = await pipeline.DeleteAsync(Context(resource, name, "", request, isDryRun), how, cancel);
        return result.IsDeleted && !DeleteVerb.AnswersObject(resource) ? result.Status.ToTree() : result.Object.ToTree();
    }

    private WriteContext Context(GroupResource resource, NamespacedName name, string subresource, ApiRequest request, bool isDryRun)
    {
        var options = WriteOptions.Read("UpdateOptions", new ApiRequest { Info = request.Info, User = request.User, UserAgent = "kube-apiserver" });
        return pipeline.Context(pipeline.Resources.Get(resource), name, subresource, request, options with { IsDryRun = isDryRun });
    }
}
