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
        // Another namespace's Jobs are nobody's here, whomever they name.
        var children = _jobs.ByIndex(ByOwner, found.Uid).Where(j => j.Metadata.NamespaceProperty == name.Namespace).ToList();

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
                _context.Queue.AddAfter(change.Name, CronTimes.Wait(change.New, CronJobPlan.ScheduleOf(now, _context.Time.LocalTimeZone), _context.Time.GetUtcNow()));
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
            if (JobController.EndOf(job) is not { } end)
            {
                // The copy of its status may lag: only the API's answer counts.
                if (!isActive && !await IsActiveAsync(name, job.Metadata.Uid, cancel))
                    _context.Events.Warning(About(cron), "UnexpectedJob", $"Saw a job that the controller did not create or forgot: {job.Metadata.Name}");
                continue;
            }
            if (isActive)
            {
                Forget(active, job.Metadata.Uid);
                _context.Events.Normal(About(cron), "SawCompletedJob", $"Saw completed job: {job.Metadata.Name}, condition: {end.Type}");
            }
            if (end.Type == "Complete" && KubeTime.Utc(job.Status.CompletionTime) is { } completed
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

    private async Task RemoveOldAsync(V1CronJob cron, NamespacedName name, List<V1Job> children, List<JsonObject> active, CancellationToken cancel)
    {
        foreach (var job in CronJobPlan.Expired(cron, children))
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

    private async Task<Requeue> StartAsync(V1CronJob cron, KubeObject found, JsonObject tree, List<JsonObject> active, JsonObject status, CancellationToken cancel)
    {
        var plan = CronJobPlan.Decide(cron, [.. active.Select(a => (string)a["name"]!)], _context.Time.GetUtcNow(), _context.Time.LocalTimeZone);
        foreach (var told in plan.Told) _context.Events.Record(About(cron), told.Type, told.Reason, told.Message);
        if (plan.Start is not { } at) return plan.Next;
        if (cron.Spec.ConcurrencyPolicy == "Replace")
            foreach (var running in active.ToList()) await ReplaceAsync(cron, found.Name, (string)running["name"]!, active, cancel);

        if (await CreateAsync(cron, found, tree, CronJobPlan.JobName(found.Name.Name, at), at, active, cancel) is not { } job) return plan.Next;
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
        return plan.Next;
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
