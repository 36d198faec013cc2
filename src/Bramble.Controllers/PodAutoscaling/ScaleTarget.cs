using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.Hosting;

namespace Bramble.Controllers.PodAutoscaling;

/// <summary>What an autoscaler scales, through the <c>scale</c> subresource: of built-in kinds and of custom ones alike.</summary>
internal sealed class ScaleTargets(ControllerContext context)
{
    private readonly IInformer<KubeObject> _definitions = context.ReadsObjects(Resources.CustomResourceDefinitions);

    /// <summary>The resource of a kind.</summary>
    /// <exception cref="FormatException">With upstream's message.</exception>
    public ResourceId Find(string apiVersion, string kind)
    {
        if (!GroupVersion.TryParse(apiVersion, out var asked)) throw new FormatException($"unexpected GroupVersion string: {apiVersion}");
        // Any version will do: a scale is the same in all of them.
        var builtIn = ApiCatalog.BuiltIn.Resources.FirstOrDefault(r => r.Group == asked.Group && r.Kind == kind);
        if (builtIn is not null) return new ResourceId(builtIn.Group, builtIn.Version, builtIn.Plural, kind, builtIn.IsNamespaced);
        foreach (var definition in _definitions.List())
        {
            var spec = definition.ToTree()["spec"];
            if ((string?)spec?["group"] != asked.Group || (string?)spec["names"]?["kind"] != kind) continue;
            var versions = (spec["versions"] as JsonArray ?? []).Where(v => (bool?)v?["served"] == true).Select(v => (string?)v!["name"] ?? "").ToList();
            if (versions.Count > 0)
                return new ResourceId(asked.Group, versions.Contains(asked.Version) ? asked.Version : versions[0], (string?)spec["names"]!["plural"] ?? "", kind, (string?)spec["scope"] == "Namespaced");
        }
        throw new FormatException($"no matches for kind {FieldError.Quote(kind)} in group {FieldError.Quote(asked.Group)}");
    }

    public async Task<JsonObject> ReadAsync(ResourceId resource, NamespacedName name, CancellationToken cancel) =>
        await context.Client.GetAsync(resource.Path(name.Namespace, name.Name, "scale"), [], cancel);

    /// <summary>Sets the number of replicas; a scale that changed meanwhile is read anew, as often as client-go's default does.</summary>
    public async Task WriteAsync(ResourceId resource, NamespacedName name, JsonObject scale, int replicas, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (scale["spec"] is not JsonObject spec) scale["spec"] = spec = [];
            spec["replicas"] = replicas;
            try
            {
                await context.Client.UpdateAsync(resource, name, scale, "scale", cancel);
                return;
            }
            catch (StatusException e) when (e.IsConflict && attempt < 5)
            {
                scale = await ReadAsync(resource, name, cancel);
            }
        }
    }
}
