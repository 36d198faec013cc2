using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Client;
using k8s;
using k8s.Models;

namespace Bramble.Controllers.Workloads;

/// <summary>Whose an orphan could be.</summary>
internal static class Orphans
{
    /// <summary>The objects of a namespace whose <c>spec.selector</c> selects the labels. An empty selector selects nothing here: it would take everything.</summary>
    public static IEnumerable<NamespacedName> Selecting<T>(this IInformer<T> copies, string @namespace, IDictionary<string, string> labels) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        foreach (var one in copies.List(@namespace))
            if (copies.FindObject(one.NamespacedName())?.ToTree()["spec"]?["selector"] is JsonObject tree && LabelSelector.FromObject(tree) is { IsEmpty: false } selector && selector.Matches(labels))
                yield return one.NamespacedName();
    }
}
