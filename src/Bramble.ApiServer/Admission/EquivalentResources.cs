using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>matchPolicy Equivalent: a rule that names one version or group of a resource is also about requests for another one of the same objects. Which those are:
/// the versions of HorizontalPodAutoscalers, the groups of Events, the versions of custom resources.</summary>
internal static class EquivalentResources
{
    private static readonly GroupResource Definitions = new("apiextensions.k8s.io", "customresourcedefinitions");

    /// <param name="rules">Of a webhook or a policy.</param>
    /// <param name="fits">Whether a rule is about the request.</param>
    /// <returns>The request in the form the rules want: as asked where a rule names that, else as an equivalent one; null: no rule is about it.</returns>
    public static AdmissionRequest? Find(JsonObject tree, string rules, bool isExact, AdmissionRequest request, Func<JsonObject, AdmissionRequest, bool> fits)
    {
        foreach (var (_, rule) in tree.Items(rules))
            if (fits(rule, request)) return request.Object is null && request.OldObject is null ? request : Asked(request);
        if (isExact || tree.Count(rules) == 0) return null;
        var others = Of(request);
        if (others.Count == 0) return null;
        foreach (var (_, rule) in tree.Items(rules))
            foreach (var other in others)
                if (fits(rule, other)) return other;
        return null;
    }

    private static AdmissionRequest Asked(AdmissionRequest request) =>
        ReferenceEquals(request.AsRequested(request.Object), request.Object) && ReferenceEquals(request.AsRequested(request.OldObject), request.OldObject)
            ? request : request.As(request.Resource, request.Version, request.Kind);

    private static List<AdmissionRequest> Of(AdmissionRequest request)
    {
        var resource = request.Resource;
        switch (resource.Group, resource.Resource)
        {
            case ("autoscaling", "horizontalpodautoscalers"):
                return [As(request, resource, request.Version == "v1" ? "v2" : "v1")];
            case ("" or "events.k8s.io", "events"):
                return [As(request, new(resource.Group.Length == 0 ? "events.k8s.io" : "", "events"), "v1")];
        }

        List<AdmissionRequest> others = [];
        if (!resource.Group.Contains('.') || request.Reader.Find(Definitions, new("", resource.ToString())) is not { } definition) return others;
        foreach (var (_, version) in definition.ToTree().Object("spec").Items("versions"))
            if (version.Bool("served") && version.Text("name") != request.Version) others.Add(As(request, resource, version.Text("name")));
        return others;
    }

    /// <summary>A subresource of another group's kind (Scale) stays what it is.</summary>
    private static AdmissionRequest As(AdmissionRequest request, GroupResource resource, string version) =>
        request.As(resource, version, request.Kind.Group == request.Resource.Group ? new(resource.Group, version, request.Kind.Kind) : request.Kind);
}
