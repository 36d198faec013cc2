namespace Bramble.ApiServer.Admission;

/// <summary>The admission plugins in upstream's order. Everything that mutates runs before anything validates; the first refusal ends the write.</summary>
public sealed class AdmissionChain(IReadOnlyList<IAdmissionPlugin> plugins)
{
    public IReadOnlyList<IAdmissionPlugin> Plugins { get; } = plugins;

    public async ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        await MutateOnceAsync(request, cancel);
        if (!request.Reinvocation.IsNeeded) return;
        request.Reinvocation.Begin();
        await MutateOnceAsync(request, cancel);
    }

    private async ValueTask MutateOnceAsync(AdmissionRequest request, CancellationToken cancel)
    {
        foreach (var plugin in Plugins)
            if (plugin.Handles(request)) await plugin.MutateAsync(request, cancel);
    }

    public async ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        foreach (var plugin in Plugins)
            if (plugin.Handles(request)) await plugin.ValidateAsync(request, cancel);
    }
}
