using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.Api.Catalog;

/// <summary>Translates an object between the versions of its kind that share one storage. Two kinds have that: Event (core v1, events.k8s.io/v1) and
/// HorizontalPodAutoscaler (autoscaling v1, v2). All others have one version, for which nothing happens.</summary>
public static class KindConversion
{
    public static bool IsNeeded(GroupVersionKind from, GroupVersionKind to) => from != to;

    /// <summary>Takes from an object in its stored version what other versions' fields travel in.</summary>
    public static void Clean(JsonObject obj)
    {
        if ((string?)obj["kind"] == "HorizontalPodAutoscaler" && (string?)obj["apiVersion"] == "autoscaling/v2") AutoscalerConversion.Clean(obj);
    }

    /// <summary>Changes <paramref name="obj"/> into <paramref name="to"/>, apiVersion included.</summary>
    /// <exception cref="InvalidOperationException">The kinds do not share a storage.</exception>
    public static void Convert(JsonObject obj, GroupVersionKind to)
    {
        _ = GroupVersion.TryParse((string?)obj["apiVersion"] ?? "", out var version);
        var from = new GroupVersionKind(version.Group, version.Version, (string?)obj["kind"] ?? to.Kind);
        if (from == to) return;
        switch (from, to)
        {
            case (("", "v1", "Event"), ("events.k8s.io", "v1", "Event")): EventConversion.ToEventsV1(obj); break;
            case (("events.k8s.io", "v1", "Event"), ("", "v1", "Event")): EventConversion.ToCoreV1(obj); break;
            case (("autoscaling", "v1", "HorizontalPodAutoscaler"), ("autoscaling", "v2", "HorizontalPodAutoscaler")): AutoscalerConversion.ToV2(obj); break;
            case (("autoscaling", "v2", "HorizontalPodAutoscaler"), ("autoscaling", "v1", "HorizontalPodAutoscaler")): AutoscalerConversion.ToV1(obj); break;
            default: throw new InvalidOperationException($"{from} does not convert to {to}: they share no storage");
        }
        obj["apiVersion"] = to.GroupVersion.ToString();
    }
}
