using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.GatewayApi;
using Bramble.Client.Ingresses;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Ingress.Publishing;

/// <summary>What shows the ingress in the API: the IngressClass <c>traefik</c>, the default one as in K3s, the definitions of the Gateway API and its
/// GatewayClass <c>traefik</c>. Made once; what a user changes stays, newer definitions too. With <c>--disable traefik</c> the classes that Bramble made go;
/// the definitions stay, because with them would go every Gateway.</summary>
internal sealed class IngressObjects(IKubeClient client, TimeProvider time, ILogger logger)
{
    private const string ManagedBy = "app.kubernetes.io/managed-by";
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(10);

    /// <summary>Returns when all is there.</summary>
    public async Task EnsureAsync(CancellationToken cancel)
    {
        await TryUntilDoneAsync(() => CreateAsync(Resources.IngressClasses, IngressClass(), cancel), cancel);
        foreach (var definition in Definitions())
            await TryUntilDoneAsync(() => CreateAsync(Resources.CustomResourceDefinitions, definition, cancel), cancel);
        await ServedAsync(cancel);
        await TryUntilDoneAsync(() => CreateAsync(GatewayKinds.Classes, GatewayClassObject(), cancel), cancel);
    }

    /// <summary>Returns when nothing of it is there.</summary>
    public Task RemoveAsync(CancellationToken cancel) => TryUntilDoneAsync(async () =>
    {
        await DeleteAsync(Resources.IngressClasses, IngressOwnership.ClassName, cancel);
        if (await client.FindAsync(Resources.CustomResourceDefinitions, new("", $"{GatewayKinds.Classes.Plural}.{GatewayKinds.Group}"), cancel) is not null)
            await DeleteAsync(GatewayKinds.Classes, GatewayClass.OwnName, cancel);
    }, cancel);

    /// <summary>The definitions of the kinds that are served, standard channel: our own schemas after the API's types.</summary>
    internal static IEnumerable<JsonObject> Definitions()
    {
        using var file = typeof(IngressObjects).Assembly.GetManifestResourceStream("gateway-definitions.json")!;
        return [.. JsonNode.Parse(file)!.AsArray().Select(definition => definition!.AsObject())];
    }

    private static JsonObject GatewayClassObject() => new()
    {
        ["apiVersion"] = GatewayKinds.Classes.ApiVersion,
        ["kind"] = GatewayKinds.Classes.Kind,
        ["metadata"] = new JsonObject { ["name"] = GatewayClass.OwnName, ["labels"] = new JsonObject { ["app.kubernetes.io/name"] = "traefik", [ManagedBy] = "bramble" } },
        ["spec"] = new JsonObject { ["controllerName"] = GatewayClass.OwnController },
    };

    // A definition is served a moment after it was made; until then its objects are "not found".
    private async Task ServedAsync(CancellationToken cancel)
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            try
            {
                foreach (var kind in new[] { GatewayKinds.Classes, GatewayKinds.Gateways, GatewayKinds.HttpRoutes, GatewayKinds.Grants }) await client.ListAsync(kind, new ListQuery(Limit: 1), cancel);
                return;
            }
            catch (StatusException missing) when (missing.IsNotFound)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancel);
            }
        }
    }

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
