using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.Namespaces;

/// <summary>What every namespace is given: its default service account and the API server's CA.</summary>
internal static class NamespaceDefault
{
    /// <summary>Pure: one that is going is given nothing any longer.</summary>
    public static bool IsGivenTo(V1Namespace? ns) => ns is not null && ns.Status?.Phase != "Terminating" && !ns.IsBeingDeleted();

    /// <summary>Makes the object unless it is there already, or its namespace has gone meanwhile.</summary>
    public static async Task CreateAsync(IKubeClient client, ResourceId resource, JsonObject body, CancellationToken cancel)
    {
        try
        {
            await client.CreateAsync(resource, body, cancel);
        }
        catch (StatusException e) when (e.IsAlreadyExists || e.IsNotFound || (e.Status.Code == 403 && e.Status.Details?.Causes?.Any(c => c.Reason == "NamespaceTerminating") == true))
        {
            // There already, or nobody needs it any more: both are fine.
        }
    }
}
