using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>Carries out changes of slices, first what is new, last what goes, so that no endpoint is missing in between.</summary>
internal sealed class SliceWriter(ControllerContext context, IInformer<V1EndpointSlice> slices, WriteBarrier writes)
{
    /// <param name="key">Whose look waits for these writes.</param>
    /// <param name="mayCreate">False: the owner is going, and its slices with it.</param>
    /// <param name="prepare">What each written slice gets besides.</param>
    public async Task WriteAsync(NamespacedName key, string what, SliceChanges changes, bool mayCreate, Action<SliceTree> prepare, CancellationToken cancel)
    {
        foreach (var slice in mayCreate ? changes.Create : [])
        {
            prepare(slice);
            try
            {
                writes.Wrote(key, slices, await context.Client.CreateAsync(Resources.EndpointSlices, slice.Tree, cancel));
            }
            catch (StatusException e) when (e.IsNamespaceTerminating)
            {
                return;
            }
            catch (StatusException e)
            {
                throw Told($"failed to create EndpointSlice for {what} {key}", e);
            }
        }
        foreach (var slice in changes.Update)
        {
            prepare(slice);
            try
            {
                writes.Wrote(key, slices, await context.Client.UpdateAsync(Resources.EndpointSlices, slice.Tree, null, cancel));
            }
            catch (StatusException e)
            {
                throw Told($"failed to update {slice.Name} EndpointSlice for {what} {key}", e);
            }
        }
        foreach (var slice in changes.Delete) await DeleteAsync(key, slice, $"failed to delete {slice.Name} EndpointSlice for {what} {key}", cancel);
    }

    /// <param name="failed">What is told before the API's own words.</param>
    public async Task DeleteAsync(NamespacedName key, SliceTree slice, string failed, CancellationToken cancel)
    {
        try
        {
            await context.Client.DeleteAsync(Resources.EndpointSlices, slice.FullName, new DeleteQuery(Uid: slice.Uid), cancel);
        }
        catch (StatusException e)
        {
            throw Told(failed, e);
        }
        writes.Deleted(key, slices, slice.FullName, slice.Uid);
    }

    private static StatusException Told(string what, StatusException e) => new(e.Status with { Message = $"{what}: {e.Message}" });
}
