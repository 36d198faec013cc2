using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What is special to CronJobs.</summary>
internal sealed class CronJobStrategy : KindStrategy
{
    public override bool HasStatus => true;
    public override bool CountsGeneration => true;

    public override void Default(JsonObject job)
    {
        var spec = job.Child("spec");
        spec.DefaultText("concurrencyPolicy", "Allow");
        spec.DefaultTo("suspend", false);
        spec.DefaultTo("successfulJobsHistoryLimit", 3);
        spec.DefaultTo("failedJobsHistoryLimit", 1);
        JobDefaults.ApplyTemplateToSpec(spec.Child("jobTemplate").Child("spec"));
    }

    public override void Validate(JsonObject job, FieldErrors errors, StrategyContext context) => CronJobRules.Validate(job, null, errors);

    public override void ValidateUpdate(JsonObject job, JsonObject old, FieldErrors errors, StrategyContext context) =>
        CronJobRules.Validate(job, old, errors);

    public override IEnumerable<string> Warnings(JsonObject job, JsonObject? old) => CronJobRules.Warnings(job, old);
}
