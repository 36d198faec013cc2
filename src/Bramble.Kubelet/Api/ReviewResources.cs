using Bramble.Client;
using k8s.Models;

namespace Bramble.Kubelet.Api;

/// <summary>Reviews by which the kubelet's server asks who a caller is and what it may do.</summary>
internal static class ReviewResources
{
    public static readonly Resource<V1TokenReview> TokenReviews = new("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", false);

    public static readonly Resource<V1SubjectAccessReview> SubjectAccessReviews =
        new("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", false);
}
