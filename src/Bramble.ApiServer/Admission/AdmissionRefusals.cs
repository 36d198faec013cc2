using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>How plugins say no, with upstream's words around the reason; and what they ask of every request.</summary>
internal static class AdmissionRefusals
{
    /// <summary>403 <c>pods "a" is forbidden: WHY</c>.</summary>
    public static StatusException Forbidden(this AdmissionRequest request, string why) => StatusErrors.Forbidden(request.Resource, NameOf(request), why);

    /// <summary>The name of the request or of the new object; one that is still to be generated shows its prefix.</summary>
    private static string NameOf(AdmissionRequest request)
    {
        if (request.Name.Length > 0) return request.Name;
        var metadata = request.Object.Object("metadata");
        if (metadata.Text("name") is { Length: > 0 } name) return name;
        return metadata.Text("generateName") is { Length: > 0 } prefix ? prefix : "Unknown";
    }

    public static bool Is(this AdmissionRequest request, string group, string resource, string subresource = "") =>
        request.Resource.Resource == resource && request.Resource.Group == group && request.Subresource == subresource;

    public static bool IsCreateOrUpdate(this AdmissionRequest request) => request.Operation is AdmissionOperation.Create or AdmissionOperation.Update;
}
