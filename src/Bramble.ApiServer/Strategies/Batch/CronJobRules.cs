using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Errors;
using Bramble.Api.Schedules;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of CronJobs.</summary>
internal static partial class CronJobRules
{
    public static void Validate(JsonObject job, JsonObject? old, FieldErrors errors)
    {
        var (spec, before, path) = (job.Object("spec") ?? [], old.Object("spec"), FieldPath.Spec);
        var (schedule, zone) = (spec.Text("schedule"), spec.TextOrNull("timeZone"));
        if (schedule.Length == 0)
        {
            errors.Required(path.Child("schedule"));
        }
        else
        {
            if (WhyNoSchedule(schedule) is { } why) errors.Invalid(path.Child("schedule"), schedule, why);
            var hadZone = before.Text("schedule").Contains("TZ", StringComparison.Ordinal);
            if (schedule.Contains("TZ", StringComparison.Ordinal) && hadZone && zone is not null)
                errors.Invalid(path.Child("schedule"), schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule");
            else if (schedule.Contains("TZ", StringComparison.Ordinal) && !hadZone)
                errors.Invalid(path.Child("schedule"), schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
        }

        if (spec.LongOrNull("startingDeadlineSeconds") is { } deadline) NumberRules.NonNegative(deadline, path.Child("startingDeadlineSeconds"), errors);
        if (zone is not null && (old is null || spec.Differs(before, "timeZone"))) TimeZone(zone, path.Child("timeZone"), errors);
        EnumRules.Required(spec, "concurrencyPolicy", path, errors, "Allow", "Forbid", "Replace");
        var (template, at) = (spec.Object("jobTemplate").Object("spec") ?? [], path.Child("jobTemplate", "spec"));
        JobRules.ValidateSpec(template, at, errors);
        if (template.Has("selector")) errors.Invalid(at.Child("selector"), InternalStruct.ShowSelector(template["selector"]), "`selector` will be auto-generated");
        if (template.Bool("manualSelector")) errors.NotSupported(at.Child("manualSelector"), true, ["nil", "false"]);
        foreach (var name in (ReadOnlySpan<string>)["successfulJobsHistoryLimit", "failedJobsHistoryLimit"])
            if (spec.LongOrNull(name) is { } limit) NumberRules.NonNegative(limit, path.Child(name), errors);
        // Eleven characters for the time that is appended.
        if (old is null && job.ObjectName().Length > 52) errors.Invalid(FieldPath.Metadata.Child("name"), job.ObjectName(), "must be no more than 52 characters");
    }

    private static string? WhyNoSchedule(string text)
    {
        try
        {
            CronSchedule.Parse(text, TimeZoneInfo.Utc);
            return null;
        }
        catch (FormatException e)
        {
            return e.Message;
        }
    }

    private static void TimeZone(string zone, FieldPath path, FieldErrors errors)
    {
        if (zone.Length == 0)
        {
            errors.Invalid(path, zone, "timeZone must be nil or non-empty string");
            return;
        }

        foreach (var part in zone.Split('/'))
        {
            if (part is not ("." or "..") && !part.StartsWith('-') && ZonePart().IsMatch(part)) continue;
            errors.Invalid(path, zone, $"unknown time zone {zone}");
            return;
        }

        if (zone.Equals("Local", StringComparison.OrdinalIgnoreCase))
            errors.Invalid(path, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
        if (zone is not ("Local" or "UTC") && !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _)) errors.Invalid(path, zone, $"unknown time zone {zone}");
    }

    public static IEnumerable<string> Warnings(JsonObject job, JsonObject? old)
    {
        var (spec, path) = (job.Object("spec") ?? [], FieldPath.Spec.Child("jobTemplate", "spec"));
        var template = spec.Object("jobTemplate").Object("spec") ?? [];
        if (old is null)
        {
            foreach (var warning in PodWarnings.OfOwnerName(job)) yield return warning;
            foreach (var warning in JobRules.Warnings(template, path)) yield return warning;
            yield break;
        }

        if (job.Generation() != old.Generation())
            foreach (var warning in JobRules.Warnings(template, path)) yield return warning;
        if (spec.Text("schedule").Contains("TZ", StringComparison.Ordinal))
            yield return "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details";
    }

    [GeneratedRegex(@"^[A-Za-z\.\-_0-9+]{1,14}$")]
    private static partial Regex ZonePart();
}
