using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults of a Job's spec. A CronJob's template gets only those of <see cref="ApplyTemplateToSpec"/>: the rest comes when the Job is made.</summary>
internal static class JobDefaults
{
    public static void ApplyTemplateToSpec(JsonObject spec)
    {
        PodDefaults.ApplyToTemplate(spec.Child("template"));
        foreach (var (_, rule) in spec.Object("podFailurePolicy").Items("rules"))
            foreach (var (_, pattern) in rule.Items("onPodConditions")) pattern.DefaultText("status", "True");
    }

    public static void ApplyToSpec(JsonObject spec)
    {
        if (!spec.Has("completions") && !spec.Has("parallelism")) spec["completions"] = 1;
        spec.DefaultTo("parallelism", 1);
        spec.DefaultTo("backoffLimit", spec.Has("backoffLimitPerIndex") ? int.MaxValue : 6);
        spec.DefaultTo("completionMode", "NonIndexed");
        spec.DefaultTo("suspend", false);
        spec.DefaultTo("podReplacementPolicy", spec.Has("podFailurePolicy") ? "Failed" : "TerminatingOrFailed");
        spec.DefaultTo("manualSelector", false);
    }
}
