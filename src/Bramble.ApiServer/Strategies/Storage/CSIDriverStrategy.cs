using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to CSIDrivers: their generation starts when the spec first changes.</summary>
internal sealed class CSIDriverStrategy : KindStrategy
{
    public override bool AllowsUnconditionalUpdate => false;
    public override bool CountsGeneration => true;

    public override void Default(JsonObject driver)
    {
        var spec = driver.Child("spec");
        spec.DefaultTo("attachRequired", true);
        spec.DefaultTo("podInfoOnMount", false);
        spec.DefaultTo("storageCapacity", false);
        spec.DefaultTo("fsGroupPolicy", "ReadWriteOnceWithFSType");
        if (spec.Count("volumeLifecycleModes") == 0) spec["volumeLifecycleModes"] = new JsonArray((JsonNode)"Persistent");
        spec.DefaultTo("requiresRepublish", false);
        spec.DefaultTo("seLinuxMount", false);
    }

    public override void PrepareForCreate(JsonObject driver, StrategyContext context) => driver.Object("spec")?.Remove(OfDisabledFeature);

    public override void PrepareForUpdate(JsonObject driver, JsonObject old, StrategyContext context)
    {
        if (!old.Object("spec").Has(OfDisabledFeature)) driver.Object("spec")?.Remove(OfDisabledFeature);
        base.PrepareForUpdate(driver, old, context);
    }

    /// <summary>VolumeLimitScaling is off: only what has the field keeps it.</summary>
    private const string OfDisabledFeature = "preventPodSchedulingIfMissing";

    public override IEnumerable<string> Warnings(JsonObject driver, JsonObject? old)
    {
        var spec = driver.Object("spec");
        if (spec.Count("tokenRequests") == 0 || spec.Has("serviceAccountTokenInSecrets") || (old is not null && !spec.Differs(old.Object("spec"), "tokenRequests"))) yield break;
        yield return TokenInSecretsWarning;
    }

    private const string TokenInSecretsWarning = "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes";

    public override void Validate(JsonObject driver, FieldErrors errors, StrategyContext context) => CsiRules.ValidateDriver(driver, errors);

    public override void ValidateUpdate(JsonObject driver, JsonObject old, FieldErrors errors, StrategyContext context) =>
        CsiRules.ValidateDriverUpdate(driver, old, errors);
}
