using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.SpecialResources;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Webhooks;

/// <summary>What a webhook answered. <c>Patch</c>: a JSON patch as sent; empty: none.</summary>
internal sealed record WebhookVerdict(bool IsAllowed, JsonObject? Result, byte[] Patch, IReadOnlyList<string> Warnings);

/// <summary>admission.k8s.io AdmissionReview: the question to a webhook and its answer.</summary>
internal static class AdmissionReviews
{
    /// <summary>The version to talk in: the first the webhook accepts that we speak; null: none.</summary>
    public static string? Version(Webhook webhook) => webhook.Tree.Texts("admissionReviewVersions").FirstOrDefault(version => version is "v1" or "v1beta1");

    public static JsonObject Question(AdmissionRequest request, string version, string uid)
    {
        var original = request.Asked ?? request;
        var question = new JsonObject { ["uid"] = uid, ["kind"] = ExpressionVariables.KindOf(request), ["resource"] = ExpressionVariables.ResourceOf(request) };
        if (request.Subresource.Length > 0) question["subResource"] = request.Subresource;
        question["requestKind"] = ExpressionVariables.KindOf(original);
        question["requestResource"] = ExpressionVariables.ResourceOf(original);
        if (request.Subresource.Length > 0) question["requestSubResource"] = request.Subresource;
        if (request.Name.Length > 0) question["name"] = request.Name;
        if (request.Namespace.Length > 0) question["namespace"] = request.Namespace;
        question["operation"] = request.Operation.ToString().ToUpperInvariant();
        question["userInfo"] = UserTree.Write(request.User);
        question["object"] = request.AsRequested(request.Object)?.DeepClone();
        question["oldObject"] = request.AsRequested(request.OldObject)?.DeepClone();
        question["dryRun"] = request.IsDryRun;
        question["options"] = request.Options?.DeepClone();
        return new JsonObject { ["kind"] = "AdmissionReview", ["apiVersion"] = $"admission.k8s.io/{version}", ["request"] = question };
    }

    /// <param name="error">Why the answer cannot be used; upstream's words.</param>
    public static WebhookVerdict? Answer(JsonObject? review, string version, string uid, bool isMutating, out string error)
    {
        error = "";
        var response = review.Object("response");
        if (response is null) error = "webhook response was absent";
        else if (version == "v1" && review.Text("apiVersion") != "admission.k8s.io/v1")
        {
            GroupVersion.TryParse(review.Text("apiVersion"), out var got);
            error = $"expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {got}, Kind={review.Text("kind")}";
        }
        else if (version == "v1" && response.Text("uid") != uid) error = $"expected response.uid=\"{uid}\", got \"{response.Text("uid")}\"";
        if (error.Length > 0) return null;

        var encoded = response.Text("patch");
        var hasType = response.Has("patchType") || (version != "v1" && encoded.Length > 0);
        if (!isMutating && encoded.Length > 0) error = "validating webhook may not return response.patch";
        else if (!isMutating && response.Has("patchType")) error = "validating webhook may not return response.patchType";
        else if (encoded.Length > 0 && !hasType) error = "webhook returned response.patch but not response.patchType";
        else if (encoded.Length == 0 && response.Has("patchType")) error = "webhook returned response.patchType but not response.patch";
        else if (response.Text("patchType") is not ("" or "JSONPatch")) error = $"unsupported patch type \"{response.Text("patchType")}\"";
        if (error.Length > 0) return null;
        return new WebhookVerdict(response.Bool("allowed"), response.Object("status") ?? response.Object("result"), ReadPatch(encoded, ref error), [.. response.Texts("warnings")]);
    }

    private static byte[] ReadPatch(string encoded, ref string error)
    {
        var patch = new byte[encoded.Length];
        if (Convert.TryFromBase64String(encoded, patch, out var length)) return patch[..length];
        error = "received undecodable patch in webhook response: illegal base64 data";
        return [];
    }
}
