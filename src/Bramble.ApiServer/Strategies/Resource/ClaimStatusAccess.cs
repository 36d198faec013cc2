using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Authorization;

namespace Bramble.ApiServer.Strategies;

/// <summary>The two halves of a claim's status take rights of their own, on resources that exist only for that question: KEP-4817.
/// Allocation and reservation: <c>resourceclaims/binding</c>. What a driver tells of its devices: <c>resourceclaims/driver</c> of that name, by verbs
/// that say whether the driver's account is on the node the claim is allocated for.</summary>
internal static class ClaimStatusAccess
{
    public static void Check(JsonObject claim, JsonObject status, JsonObject before, FieldErrors errors, StrategyContext context)
    {
        if (context.Authorizer is not { } authorizer) return;
        if (status.Differs(before, "allocation") || status.Differs(before, "reservedFor"))
        {
            // For any claim anywhere: who may bind, binds them all.
            if (Refusal(authorizer, Question(context, context.Verb, "binding", "", "")) is { } why)
                errors.Forbidden(
                    FieldPath.Status.Child("allocation"),
                    $"changing status.allocation or status.reservedFor requires resource=\"resourceclaims/binding\", verb=\"{context.Verb}\" permission: {why}");
        }

        if (status.Object("allocation") is not { } allocation) return;
        var verbs = new List<string> { "arbitrary-node:" + context.Verb };
        if (IsOnNode(context, NodeOf(allocation))) verbs.Insert(0, "associated-node:" + context.Verb);
        foreach (var driver in ChangedDrivers(status, before))
        {
            string? first = null;
            var isAllowed = false;
            foreach (var verb in verbs)
            {
                var why = Refusal(authorizer, Question(context, verb, "driver", claim.ObjectNamespace(), driver));
                isAllowed |= why is null;
                first ??= why;
            }

            if (!isAllowed)
                errors.Forbidden(FieldPath.Status.Child("devices"), $"changing status.devices requires resource=\"resourceclaims/driver\", verb=\"[{string.Join(' ', verbs)}]\" permission: {first}");
        }
    }

    private static AccessAttributes Question(StrategyContext context, string verb, string subresource, string ns, string name) =>
        new(context.User, verb, "resource.k8s.io", "v1", "resourceclaims", subresource, ns, name, true, "");

    /// <summary>Null: it is allowed.</summary>
    private static string? Refusal(IAuthorizer authorizer, AccessAttributes question)
    {
        var answer = authorizer.Authorize(question);
        if (answer.Decision == AccessDecision.Allow) return null;
        var why = answer.EvaluationError is { } error ? answer.Reason.Length > 0 ? $"{error}: {answer.Reason}" : error : answer.Reason;
        return AccessRules.Forbidden(question, why).Status.Message;
    }

    private static SortedSet<string> ChangedDrivers(JsonObject status, JsonObject before)
    {
        var changed = new SortedSet<string>(StringComparer.Ordinal);
        Compare(status, before, changed);
        Compare(before, status, changed);
        return changed;
    }

    private static void Compare(JsonObject one, JsonObject other, SortedSet<string> changed)
    {
        foreach (var (_, device) in one.Items("devices"))
        {
            var isSame = false;
            foreach (var (_, known) in other.Items("devices")) isSame |= TreeEquality.Same(device, known);
            if (!isSame) changed.Add(device.Text("driver"));
        }
    }

    /// <summary>The node a claim's selector names, when it names just one by its name.</summary>
    private static string NodeOf(JsonObject allocation)
    {
        if (allocation.Object("nodeSelector").Array("nodeSelectorTerms") is not [JsonObject term]) return "";
        return term.Count("matchExpressions") == 0 && term.Array("matchFields") is [JsonObject field] && field.Text("key") == "metadata.name" && field.Text("operator") == "In"
            && field.Texts("values").ToList() is [var node] ? node : "";
    }

    private static bool IsOnNode(StrategyContext context, string node) =>
        node.Length > 0 && context.User.Name.StartsWith("system:serviceaccount:", StringComparison.Ordinal)
        && (context.User.Extra?.TryGetValue("authentication.kubernetes.io/node-name", out var names) ?? false) && names is [var own] && own == node;
}
