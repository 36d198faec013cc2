using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Jobs;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.CronJobs;

/// <summary>Starts a Job at each time of a schedule. A Job's name holds the minute it was due, so none is started twice.</summary>
internal sealed class CronJobController : IReconciler
{
    private const string ByOwner = "cronjobs/owner";
    private const string ScheduledAt = "batch.kubernetes.io/cronjob-scheduled-timestamp";

    private readonly ControllerContext _context;
    private readonly IInformer<V1CronJob> _crons;
    private readonly IInformer<V1Job> _jobs;
    private readonly WriteBarrier _writes = new();

    public CronJobController(ControllerContext context)
    {
        _context = context;
        _crons = context.Watches(Resources.CronJobs, CronChanged);
        _jobs = context.Watches(Resources.Jobs, change =>
        {
            foreach (var version in (V1Job?[])[change.Old, change.New])
                if (version?.ControllerRef() is { Kind: "CronJob" } owner) context.Queue.Add(new NamespacedName(change.Name.Namespace, owner.Name));
        });
        _jobs.AddIndex(ByOwner, j => j.ControllerRef() is { Kind: "CronJob" } owner ? [owner.Uid] : []);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        if (_crons.FindObject(name) is not { } found) return Requeue.Never;
        var cron = found.Model<V1CronJob>();
        var tree = found.ToTree();
        var status = tree["status"]?.DeepClone().AsObject() ?? [];
        var active = new List<JsonObject>((status["active"] as JsonArray ?? []).OfType<JsonObject>().Select(a => a.DeepClone().AsObject()));
        var children = _jobs.ByIndex(ByOwner, found.Uid).ToList();

        await RemoveOldAsync(cron, name, children, active, cancel);
        var wait = Requeue.Never;
        StatusException? failure = null;
        try
        {
            await NoteChildrenAsync(cron, name, children, active, status, cancel);
            if (!cron.IsBeingDeleted()) wait = await StartAsync(cron, found, tree, active, status, cancel);
        }
        catch (StatusException e)
        {
            failure = e;
        }
        // What was seen is noted even when nothing could be started, or it would be told again with each attempt.
        status.Remove("active");
        if (active.Count > 0) status["active"] = new JsonArray([.. active.Select(a => (JsonNode)a)]);
        if (await _context.Client.WriteStatusAsync(Resources.CronJobs, tree, status, cancel) is { } written) _writes.Wrote(name, _crons, written);
        if (failure is not null) throw failure;
        return wait;
    }

    /// <summary>A new schedule begins with its next time: what it would have had before is not missed.</summary>
    private void CronChanged(ObjectChange<V1CronJob> change)
    {
        if (change.Old is { Spec: var before } && change.New is { Spec: var now } && (before.Schedule != now.Schedule || before.TimeZone != now.TimeZone))
        {
            try
            {
                // Of a zone that nobody knows it is said when the time comes.
                var zone = now.TimeZone is { } known && TimeZoneInfo.TryFindSystemTimeZoneById(known, out var found) ? found : TimeZoneInfo.Utc;
                _context.Queue.AddAfter(change.Name, CronTimes.Wait(change.New, CronSchedule.Parse(now.Schedule, zone), _context.Time.GetUtcNow()));
            }
            catch (FormatException)
            {
                _context.Events.Warning(About(change.New), "UnParseableCronJobSchedule", $"unparseable schedule for cronjob: {now.Schedule}");
            }
            return;
        }
        _context.Queue.Add(change.Name);
    }

    private async Task NoteChildrenAsync(V1CronJob cron, NamespacedName name, List<V1Job> children, List<JsonObject> active, JsonObject status, CancellationToken cancel)
    {
        foreach (var job in children)
        {
            var isActive = active.Exists(a => (string?)a["uid"] == job.Metadata.Uid);
            if (!JobController.IsFinished(job))
            {
                // The copy of its status may lag: only the API's answer counts.
                if (!isActive && !await IsActiveAsync(name, job.Metadata.Uid, cancel))
                    _context.Events.Warning(About(cron), "UnexpectedJob", $"Saw a job that the controller did not create or forgot: {job.Metadata.Name}");
                continue;
            }
            if (isActive)
            {
                Forget(active, job.Metadata.Uid);
                _context.Events.Normal(About(cron), "SawCompletedJob", $"Saw completed job: {job.Metadata.Name}, condition: {EndOf(job)}");
            }
            if (EndOf(job) == "Complete" && CronTimes.Utc(job.Status.CompletionTime) is { } completed
                && ((string?)status["lastSuccessfulTime"] is not { } last || DateTimeOffset.Parse(last, CultureInfo.InvariantCulture) < completed))
                status["lastSuccessfulTime"] = KubeTime.Seconds(completed);
        }
        foreach (var entry in active.ToList())
        {
            var uid = (string?)entry["uid"];
            if (children.Exists(c => c.Metadata.Uid == uid)) continue;
            // So may the copy of the Jobs.
            var job = (string?)entry["name"] ?? "";
            if (await _context.Client.FindAsync(Resources.Jobs, new NamespacedName(name.Namespace, job), cancel) is not null) continue;
            _context.Events.Normal(About(cron), "MissingJob", $"Active job went missing: {job}");
            Forget(active, uid);
        }
    }

    private async Task<bool> IsActiveAsync(NamespacedName name, string job, CancellationToken cancel)
    {
        var now = await _context.Client.FindAsync(Resources.CronJobs, name, cancel) ?? throw StatusErrors.NotFound(Resources.CronJobs.GroupResource, name.Name);
        return now.Model<V1CronJob>().Status?.Active?.Any(a => a.Uid == job) == true;
    }

    /// <summary>The condition that says that it is finished; null: it is not.</summary>
    private static string? EndOf(V1Job job) => job.Status?.Conditions?.FirstOrDefault(c => c is { Type: "Complete" or "Failed", Status: "True" })?.Type;

    /// <summary>Finished Jobs beyond the history limits, the oldest first. One that is going already counts and is told again: somebody who removes one by hand
    /// keeps as many as the limit says, not one more.</summary>
    private async Task RemoveOldAsync(V1CronJob cron, NamespacedName name, List<V1Job> children, List<JsonObject> active, CancellationToken cancel)
    {
        foreach (var (end, limit) in ((string, int?)[])[("Complete", cron.Spec.SuccessfulJobsHistoryLimit), ("Failed", cron.Spec.FailedJobsHistoryLimit)])
        {
            if (limit is not { } most) continue;
            var finished = children.Where(j => EndOf(j) == end)
                .OrderBy(j => j.Status.StartTime ?? DateTime.MaxValue).ThenBy(j => j.Metadata.Name, StringComparer.Ordinal).ToList();
            foreach (var job in finished.Take(Math.Max(0, finished.Count - most)))
            {
                try
                {
                    await DeleteAsync(cron, name, job.Metadata.Name, job.Metadata.Uid, active, cancel);
                }
                catch (StatusException)
                {
                    // Told in an event. It keeps no other Job from going or starting, and the next look tries it again.
                }
            }
        }
    }

    private async Task<Requeue> StartAsync(V1CronJob cron, KubeObject found, JsonObject tree, List<JsonObject> active, JsonObject status, CancellationToken cancel)
    {
        var zone = TimeZoneInfo.Utc;
        if (cron.Spec.TimeZone is { Length: > 0 } zoneName && !TimeZoneInfo.TryFindSystemTimeZoneById(zoneName, out zone!))
        {
            _context.Events.Warning(About(cron), "UnknownTimeZone", $"invalid timeZone: \"{zoneName}\": unknown time zone {zoneName}");
            return Requeue.Never;
        }
        if (cron.Spec.Suspend == true) return Requeue.Never;
        CronSchedule schedule;
        try
        {
            if (cron.Spec.Schedule.Contains("TZ", StringComparison.Ordinal))
                _context.Events.Warning(About(cron), "UnsupportedSchedule",
                    $"CRON_TZ or TZ used in schedule \"{cron.Spec.Schedule}\" is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details");
            schedule = CronSchedule.Parse(cron.Spec.Schedule, zone);
        }
        catch (FormatException e)
        {
            _context.Events.Warning(About(cron), "UnparseableSchedule", $"unparseable schedule: \"{cron.Spec.Schedule}\" : {e.Message}");
            return Requeue.Never;
        }
        var now = _context.Time.GetUtcNow();
        if (CronTimes.Due(cron, schedule, now, countsDeadline: true) is not { } due)
        {
            _context.Events.Warning(About(cron), "InvalidSchedule", $"invalid schedule: {cron.Spec.Schedule} : time difference between two schedules is less than 1 second");
            return Requeue.Never;
        }
        var next = Requeue.After(CronTimes.Wait(cron, schedule, now));
        if (due.DueAt is not { } at) return next;
        if (due.IsMuchMissed)
            _context.Events.Warning(About(cron), "TooManyMissedTimes", "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew");
        if (cron.Spec.StartingDeadlineSeconds is { } seconds && at.AddSeconds(seconds) < now)
        {
            _context.Events.Warning(About(cron), "MissSchedule", $"Missed scheduled time to start a job: {at.UtcDateTime.ToString("ddd, dd MMM yyyy HH:mm:ss '+0000'", CultureInfo.InvariantCulture)}");
            return next;
        }
        var jobName = $"{found.Name.Name}-{(at.ToUnixTimeSeconds() / 60).ToString(CultureInfo.InvariantCulture)}";
        if (active.Exists(a => (string?)a["name"] == jobName) || CronTimes.Utc(cron.Status?.LastScheduleTime) == at) return next;
        if (cron.Spec.ConcurrencyPolicy == "Forbid" && active.Count > 0)
        {
            _context.Events.Normal(About(cron), "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid");
            return next;
        }
        if (cron.Spec.ConcurrencyPolicy == "Replace")
            foreach (var running in active.ToList()) await ReplaceAsync(cron, found.Name, (string)running["name"]!, active, cancel);

        if (await CreateAsync(cron, found, tree, jobName, TimeZoneInfo.ConvertTime(at, zone), active, cancel) is not { } job) return next;
        active.Add(new JsonObject
        {
            ["kind"] = "Job",
            ["namespace"] = job.Name.Namespace,
            ["name"] = job.Name.Name,
            ["uid"] = job.Uid,
            ["apiVersion"] = "batch/v1",
            ["resourceVersion"] = job.ResourceVersion.ToString(CultureInfo.InvariantCulture),
        });
        status["lastScheduleTime"] = KubeTime.Seconds(at);
        return next;
    }

    /// <returns>Null: it is there already and known, or it is somebody else's.</returns>
    private async Task<KubeObject?> CreateAsync(V1CronJob cron, KubeObject found, JsonObject tree, string name, DateTimeOffset at, List<JsonObject> active, CancellationToken cancel)
    {
        var template = tree["spec"]!["jobTemplate"]!;
        var annotations = template["metadata"]?["annotations"]?.DeepClone().AsObject() ?? [];
        annotations[ScheduledAt] = at.ToString(at.Offset == TimeSpan.Zero ? "yyyy-MM-dd'T'HH:mm:ss'Z'" : "yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture);
        var body = new JsonObject
        {
            ["apiVersion"] = "batch/v1",
            ["kind"] = "Job",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["namespace"] = found.Name.Namespace,
                ["labels"] = template["metadata"]?["labels"]?.DeepClone(),
                ["annotations"] = annotations,
                ["ownerReferences"] = new JsonArray((JsonNode)Owner.Of(Resources.CronJobs, found).Reference()),
            },
            ["spec"] = template["spec"]?.DeepClone() ?? new JsonObject(),
        };
        try
        {
            var created = await _context.Client.CreateAsync(Resources.Jobs, body, cancel);
            _writes.Wrote(found.Name, _jobs, created);
            _context.Events.Normal(About(cron), "SuccessfulCreate", $"Created job {name}");
            return created;
        }
        catch (StatusException e) when (e.IsAlreadyExists)
        {
            // Made before a crash, or by somebody else.
            var known = await _context.Client.FindAsync(Resources.Jobs, new NamespacedName(found.Name.Namespace, name), cancel);
            return known?.Model<V1Job>().IsControlledBy(found.Uid) == true && !active.Exists(a => (string?)a["uid"] == known.Uid) ? known : null;
        }
        catch (StatusException e) when (!e.IsNamespaceTerminating)
        {
            _context.Events.Warning(About(cron), "FailedCreate", $"Error creating job: {e.Message}");
            throw;
        }
    }

    /// <summary>One that has gone by itself meanwhile is a failure: the next attempt finds it missing.</summary>
    private async Task ReplaceAsync(V1CronJob cron, NamespacedName name, string job, List<JsonObject> active, CancellationToken cancel)
    {
        KubeObject running;
        try
        {
            running = await _context.Client.FindAsync(Resources.Jobs, new NamespacedName(name.Namespace, job), cancel) ?? throw StatusErrors.NotFound(Resources.Jobs.GroupResource, job);
        }
        catch (StatusException e)
        {
            _context.Events.Warning(About(cron), "FailedGet", $"Get job: {e.Message}");
            throw;
        }
        await DeleteAsync(cron, name, job, running.Uid, active, cancel);
    }

    private async Task DeleteAsync(V1CronJob cron, NamespacedName name, string job, string uid, List<JsonObject> active, CancellationToken cancel)
    {
        var full = new NamespacedName(name.Namespace, job);
        try
        {
            if (!await _context.Client.DeleteAsync(Resources.Jobs, full, new DeleteQuery(PropagationPolicy: "Background", Uid: uid), cancel))
                throw StatusErrors.NotFound(Resources.Jobs.GroupResource, job);
        }
        catch (StatusException e)
        {
            _context.Events.Warning(About(cron), "FailedDelete", $"Deleted job: {e.Message}");
            throw;
        }
        _writes.Deleted(name, _jobs, full, uid);
        Forget(active, uid);
        _context.Events.Normal(About(cron), "SuccessfulDelete", $"Deleted job {job}");
    }

    private static void Forget(List<JsonObject> active, string? uid) => active.RemoveAll(a => (string?)a["uid"] == uid);

    private static EventSubject About(V1CronJob cron) => EventSubject.Of(Resources.CronJobs, cron);
}
