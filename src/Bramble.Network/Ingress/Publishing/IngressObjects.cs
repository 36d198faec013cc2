using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Ingresses;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Ingress.Publishing;

/// <summary>What shows the ingress in the API: the IngressClass <c>traefik</c>, the default one as in K3s. Made once; what a user changes stays. With
/// <c>--disable traefik</c> what Bramble made goes.</summary>
internal sealed class IngressObjects(IKubeClient client, TimeProvider time, ILogger logger)
{
    private const string ManagedBy = "app.kubernetes.io/managed-by";
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(10);

    /// <summary>Returns when all is there.</summary>
    public Task EnsureAsync(CancellationToken cancel) => TryUntilDoneAsync(async () => await CreateAsync(Resources.IngressClasses, IngressClass(), cancel), cancel);

    /// <summary>Returns when nothing of it is there.</summary>
    public Task RemoveAsync(CancellationToken cancel) => TryUntilDoneAsync(() => DeleteAsync(Resources.IngressClasses, IngressOwnership.ClassName, cancel), cancel);

    private static JsonObject IngressClass() => new()
    {
        ["apiVersion"] = "networking.k8s.io/v1",
        ["kind"] = "IngressClass",
        ["metadata"] = new JsonObject
        {
            ["name"] = IngressOwnership.ClassName,
            ["labels"] = new JsonObject { ["app.kubernetes.io/name"] = "traefik", [ManagedBy] = "bramble" },
            ["annotations"] = new JsonObject { ["ingressclass.kubernetes.io/is-default-class"] = "true" },
        },
        ["spec"] = new JsonObject { ["controller"] = IngressOwnership.Controller },
    };

    private async Task TryUntilDoneAsync(Func<Task> act, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                await act();
                return;
            }
            catch (StatusException refused)
            {
                Log.IngressObjectsNotWritten(logger, refused.Message, (int)Retry.TotalSeconds);
                await Task.Delay(Retry, time, cancel);
            }
        }
    }

    private async Task CreateAsync(ResourceId resource, JsonObject body, CancellationToken cancel)
    {
        var name = new NamespacedName("", (string)body["metadata"]!["name"]!);
        if (await client.FindAsync(resource, name, cancel) is not null) return;
        try
        {
            await client.CreateAsync(resource, name, body, null, cancel);
        }
        catch (StatusException exists) when (exists.Status.Reason == "AlreadyExists")
        {
            // Another server was faster.
        }
    }

    // Somebody else's of the same name, K3s' own Traefik installed by hand say, stays.
    private async Task DeleteAsync(ResourceId resource, string name, CancellationToken cancel)
    {
        if (await client.FindAsync(resource, new("", name), cancel) is { } found && (string?)found.ToTree()["metadata"]?["labels"]?[ManagedBy] == "bramble")
            await client.DeleteAsync(resource, new("", name), new DeleteQuery(Uid: found.Uid), cancel);
    }
}
