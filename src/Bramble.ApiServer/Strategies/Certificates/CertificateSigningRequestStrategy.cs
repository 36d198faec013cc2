using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to CertificateSigningRequests: the server writes who asks; spec and status never change through the main resource.</summary>
internal sealed class CertificateSigningRequestStrategy : KindStrategy
{
    public override bool HasStatus => true;

    protected override JsonObject NewStatus(JsonObject request, StrategyContext context) => [];

    public override void PrepareForCreate(JsonObject request, StrategyContext context)
    {
        base.PrepareForCreate(request, context);
        var (spec, user) = (request.Child("spec"), context.User);
        foreach (var name in (ReadOnlySpan<string>)["username", "uid", "groups", "extra"]) spec.Remove(name);
        spec["username"] = user.Name;
        if (user.Uid.Length > 0) spec["uid"] = user.Uid;
        if (user.Groups.Count > 0) spec["groups"] = new JsonArray([.. user.Groups.Select(group => (JsonNode)group)]);
        if (user.Extra is not { Count: > 0 } extra) return;
        var values = new JsonObject();
        foreach (var (key, list) in extra) values[key] = new JsonArray([.. list.Select(value => (JsonNode)value)]);
        spec["extra"] = values;
    }

    public override void PrepareForUpdate(JsonObject request, JsonObject old, StrategyContext context)
    {
        request.KeepFrom(old, "spec");
        request.KeepFrom(old, "status");
    }

    public override void PrepareForSubresourceUpdate(string subresource, JsonObject request, JsonObject old, StrategyContext context)
    {
        request.KeepFrom(old, "spec");
        if (subresource == "status")
        {
            KeepConditions(request, old, "Approved");
            KeepConditions(request, old, "Denied");
        }
        StampConditions(request, old, context);
        if (subresource != "approval") return;
        var conditions = request.Object("status").Array("conditions")?.DeepClone();
        request.KeepFrom(old, "status");
        var status = request.Child("status");
        status.Remove("conditions");
        if (conditions is not null) status["conditions"] = conditions;
    }

    /// <summary>Only the approval endpoint decides: a status write that says something else of a decision changes nothing of it. One that adds or drops a decision is
    /// refused by validation.</summary>
    private static void KeepConditions(JsonObject request, JsonObject old, string type)
    {
        var (now, before) = (OfType(request, type), OfType(old, type));
        if (now.Count != before.Count || request.Object("status").Array("conditions") is not { } conditions) return;
        for (var i = 0; i < now.Count; i++) conditions[conditions.IndexOf(now[i])] = before[i].DeepClone();
    }

    private static List<JsonObject> OfType(JsonObject request, string type)
    {
        var found = new List<JsonObject>();
        foreach (var (_, condition) in request.Object("status").Items("conditions"))
            if (condition.Text("type") == type) found.Add(condition);
        return found;
    }

    private static void StampConditions(JsonObject request, JsonObject old, StrategyContext context)
    {
        var now = KubernetesTime.Write(context.Now);
        foreach (var (index, condition) in request.Object("status").Items("conditions"))
        {
            condition.DefaultTo("lastUpdateTime", now);
            if (condition.Has("lastTransitionTime")) continue;
            string? since = null;
            foreach (var (_, before) in old.Object("status").Items("conditions"))
                if (before.Text("type") == condition.Text("type") && before.Text("status") == condition.Text("status") && since is null) since = before.TextOrNull("lastTransitionTime");
            condition["lastTransitionTime"] = since ?? now;
        }
    }

    public override IReadOnlyList<string> SelectableFields { get; } = ["spec.signerName"];

    public override string? FieldValue(JsonObject request, string fieldPath) => fieldPath == "spec.signerName" ? request.Text("spec", "signerName") : null;

    public override void Validate(JsonObject request, FieldErrors errors, StrategyContext context) => SigningRequestRules.Validate(request, null, errors);

    public override void ValidateUpdate(JsonObject request, JsonObject old, FieldErrors errors, StrategyContext context) =>
        SigningRequestRules.ValidateUpdate("", request, old, errors);

    public override void ValidateSubresourceUpdate(string subresource, JsonObject request, JsonObject old, FieldErrors errors, StrategyContext context) =>
        SigningRequestRules.ValidateUpdate(subresource, request, old, errors);

    public override IReadOnlyList<string> NameRule(string name, bool isPrefix) => Names.PathSegment(name, isPrefix);
}
