using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>POST selfsubjectreviews: who am I? (<c>kubectl auth whoami</c>)</summary>
internal sealed class SelfSubjectReviewEndpoint(TimeProvider time) : VirtualEndpoint(new("authentication.k8s.io", "selfsubjectreviews"))
{
    protected override ValueTask<JsonObject> CreateAsync(SpecialRequest request, JsonObject body, CancellationToken cancel) => new(new JsonObject
    {
        ["kind"] = "SelfSubjectReview",
        ["apiVersion"] = "authentication.k8s.io/v1",
        ["metadata"] = new JsonObject { ["creationTimestamp"] = KubernetesTime.Write(time.GetUtcNow()) },
        ["status"] = new JsonObject { ["userInfo"] = UserTree.Write(request.User) },
    });
}
