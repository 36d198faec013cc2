using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.Api.Selectors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.PodAutoscaling;

/// <summary>Sets the replicas of what a HorizontalPodAutoscaler names, by what its metrics say: each one every 15 seconds, also the first time.</summary>
internal sealed class HorizontalPodAutoscalerController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly AutoscalerSettings _settings;
    private readonly IInformer<V2HorizontalPodAutoscaler> _autoscalers;
    private readonly IInformer<V1Pod> _pods;
    private readonly ScaleTargets _targets;
    private readonly MetricProposals _proposals;
    private readonly ConcurrentDictionary<NamespacedName, Memory> _memories = new();

    public HorizontalPodAutoscalerController(ControllerContext context)
    {
        _context = context;
        _settings = context.Config.Autoscaling;
        _autoscalers = context.Watches(Resources.HorizontalPodAutoscalers, change =>
        {
            if (change.New is null) _memories.TryRemove(change.Name, out _);
            else context.Queue.AddAfter(change.Name, _settings!.SyncPeriod);
        });
        _pods = context.Reads(Resources.Pods);
        _targets = new ScaleTargets(context);
        _proposals = new MetricProposals(new MetricsReader(context.Client), new ReplicaCalculator(_settings), _targets);
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_autoscalers.FindObject(name) is not { } found) return Requeue.Never;
        var memory = _memories.GetOrAdd(name, _ => new Memory(new ScaleHistory(_context.Time)));
        await new AutoscalerLook(_context, _settings, _targets, _proposals, memory, PodsOf, found).RunAsync(cancel);
        return Requeue.After(_settings.SyncPeriod);
    }

    /// <summary>The Pods that a selector picks, and all autoscalers whose own selectors pick any of them.</summary>
    private (List<V1Pod> Pods, List<NamespacedName> Autoscalers) PodsOf(string ns, LabelSelector selector)
    {
        var pods = _pods.List(ns).Where(p => selector.Matches(p.Metadata.Labels)).ToList();
        // One that was deleted while it was looked at leaves its memory behind.
        var picking = _memories.Where(m => m.Key.Namespace == ns && m.Value.Selector is { } other && _autoscalers.Find(m.Key) is not null && pods.Exists(p => other.Matches(p.Metadata.Labels))).Select(m => m.Key);
        return (pods, [.. picking.OrderBy(n => n.Name, StringComparer.Ordinal)]);
    }

    /// <summary>What is remembered of one autoscaler between two looks.</summary>
    internal sealed class Memory(ScaleHistory history)
    {
        public ScaleHistory History { get; } = history;

        /// <summary>Of the Pods that it scaled last; null: not known yet.</summary>
        public LabelSelector? Selector { get; set; }
    }
}

/// <summary>One look at one autoscaler.</summary>
internal sealed class AutoscalerLook(
    ControllerContext context, AutoscalerSettings settings, ScaleTargets targets, MetricProposals proposals, HorizontalPodAutoscalerController.Memory memory,
    Func<string, LabelSelector, (List<V1Pod> Pods, List<NamespacedName> Autoscalers)> podsOf, KubeObject found)
{
    private readonly NamespacedName _name = found.Name;
    private readonly JsonObject _tree = found.ToTree();
    private readonly JsonObject _status = found.ToTree()["status"] as JsonObject ?? [];
    private readonly DateTimeOffset _now = context.Time.GetUtcNow();

    private JsonObject Spec => _tree["spec"]!.AsObject();
    private JsonObject? Behavior => Spec["behavior"] as JsonObject;
    private EventSubject About => EventSubject.Of(Resources.HorizontalPodAutoscalers, found.Model<V2HorizontalPodAutoscaler>());

    public async Task RunAsync(CancellationToken cancel)
    {
        var reference = Spec["scaleTargetRef"] as JsonObject ?? [];
        var targetName = new NamespacedName(_name.Namespace, (string?)reference["name"] ?? "");
        ResourceId resource;
        JsonObject scale;
        try
        {
            resource = targets.Find((string?)reference["apiVersion"] ?? "", (string?)reference["kind"] ?? "");
            scale = await targets.ReadAsync(resource, targetName, cancel);
        }
        catch (Exception e) when (e is FormatException or StatusException)
        {
            context.Events.Warning(About, "FailedGetScale", e.Message);
            Set("AbleToScale", false, "FailedGetScale", $"the HPA controller was unable to get the target's current scale: {e.Message}");
            await WriteAsync(cancel);
            return;
        }
        Set("AbleToScale", true, "SucceededGetScale", "the HPA controller was able to get the target's current scale");
        var current = (int?)scale["spec"]?["replicas"] ?? 0;
        memory.History.Begin(current);

        var least = (int?)Spec["minReplicas"] ?? 1;
        var most = (int?)Spec["maxReplicas"] ?? 0;
        int desired;
        string why;
        JsonArray? metrics = null;
        if (current == 0)
        {
            Set("ScalingActive", false, "ScalingDisabled", "scaling is disabled since the replica count of the target is zero");
            RemoveScaledToZero();
        }
        if (ScaleBounds.Decide(current, least, most) is { } bound)
        {
            (desired, why) = bound;
        }
        else
        {
            var look = await MetricsAsync(scale, current, cancel);
            metrics = look.Statuses;
            if (look.Best is not { } best)
            {
                SetReplicas(current, null, metrics, isRescaled: false);
                await WriteAsync(cancel);
                context.Events.Warning(About, "FailedComputeMetricsReplicas", look.Error!);
                return;
            }
            (desired, why) = Bound(current, least, most, best);
        }

        var isRescaled = desired != current;
        if (isRescaled)
        {
            try
            {
                await targets.WriteAsync(resource, targetName, scale, desired, cancel);
            }
            catch (StatusException e)
            {
                context.Events.Warning(About, "FailedRescale", $"New size: {desired}; reason: {why}; error: {e.Message}");
                Set("AbleToScale", false, "FailedUpdateScale", $"the HPA controller was unable to update the target scale: {e.Message}");
                SetReplicas(current, null, metrics, isRescaled: false);
                await WriteAsync(cancel);
                return;
            }
            Set("AbleToScale", true, "SucceededRescale", $"the HPA controller was able to update the target scale to {desired}");
            context.Events.Normal(About, "SuccessfulRescale", $"New size: {desired}; reason: {why}");
            if (Behavior is not null) memory.History.Scaled(current, desired, ScalingRules.LongestPeriod(Behavior, isUp: desired > current));
            RemoveScaledToZero();
        }
        SetReplicas(current, desired, metrics, isRescaled);
        await WriteAsync(cancel);
    }

    private (int Desired, string Why) Bound(int current, int least, int most, MetricLook best)
    {
        var asked = Math.Max(best.Replicas, 0);
        var bounded = Behavior is { } behavior
            ? ScalingRules.WithBehavior(memory.History, behavior, current, asked, least, most, settings.DownscaleStabilization)
            : ScalingRules.Plain(memory.History, current, asked, least, most, settings.DownscaleStabilization);
        Set("AbleToScale", true, bounded.Able.Reason, bounded.Able.Message);
        Set("ScalingLimited", bounded.Limited.IsTrue, bounded.Limited.Reason, bounded.Limited.Message);
        return (bounded.Replicas, ScaleBounds.Why(current, asked, best.Description));
    }

    private async Task<(MetricLook? Best, JsonArray? Statuses, string? Error)> MetricsAsync(JsonObject scale, int current, CancellationToken cancel)
    {
        if (SelectorOf((string?)scale["status"]?["selector"] ?? "") is not { } selected) return (null, null, _selectorError);
        var running = (int?)scale["status"]?["replicas"] ?? 0;
        List<MetricLook?> looks = [];
        List<MetricFailure?> failures = [];
        var statuses = new JsonArray();
        foreach (var spec in (Spec["metrics"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var (look, failure) = await proposals.LookAsync(spec, _name, current, running, selected.Selector, selected.Pods, Tolerances(), _now, cancel);
            looks.Add(look);
            failures.Add(failure);
            // One that failed leaves its place in the list.
            statuses.Add((JsonNode?)look?.Status ?? new JsonObject { ["type"] = "" });
            if (failure is not null) context.Events.Warning(About, failure.Reason, failure.Cause);
        }
        var choice = MetricChoice.Decide(looks, failures, current);
        if (choice.Best is { } best) Set("ScalingActive", true, "ValidMetricFound", $"the HPA was able to successfully calculate a replica count from {best.Description}");
        else if (choice.First is { } first) Set("ScalingActive", false, first.Reason, $"the HPA was unable to compute the replica count: {first.Cause}");
        return (choice.Best, statuses, choice.Error);
    }

    private string? _selectorError;

    private (LabelSelector Selector, List<V1Pod> Pods)? SelectorOf(string text)
    {
        if (text.Length == 0) return Refuse("SelectorRequired", "InvalidSelector", "selector is required", "the HPA target's scale is missing a selector");
        LabelSelector selector;
        try
        {
            selector = LabelSelector.Parse(text);
        }
        catch (FormatException e)
        {
            var message = $"couldn't convert selector into a corresponding internal selector object: {e.Message}";
            return Refuse("InvalidSelector", "InvalidSelector", message, message);
        }
        memory.Selector = selector;
        var (pods, autoscalers) = podsOf(_name.Namespace, selector);
        if (autoscalers.Count <= 1) return (selector, pods);
        var many = $"pods by selector {text} are controlled by multiple HPAs: [{string.Join(' ', autoscalers.Select(a => $"{{{a.Name} {a.Namespace}}}"))}]";
        return Refuse("AmbiguousSelector", "AmbiguousSelector", many, many);

        (LabelSelector, List<V1Pod>)? Refuse(string eventReason, string reason, string said, string message)
        {
            context.Events.Warning(About, eventReason, said);
            Set("ScalingActive", false, reason, message);
            _selectorError = said;
            return null;
        }
    }

    /// <summary><c>spec.behavior</c> may have its own, one for each direction. KEP-4951.</summary>
    private Tolerances Tolerances()
    {
        return new Tolerances(Of("scaleDown"), Of("scaleUp"));

        double Of(string direction) => Behavior?[direction]?["tolerance"] is { } own ? Quantity.Parse(own.ToString()).ToDouble() : settings.Tolerance;
    }

    /// <summary>The order of conditions is that of their first setting, and lastTransitionTime moves only with the status.</summary>
    private void Set(string type, bool isTrue, string reason, string message)
    {
        if (_status["conditions"] is not JsonArray conditions) _status["conditions"] = conditions = [];
        var condition = conditions.OfType<JsonObject>().FirstOrDefault(c => (string?)c["type"] == type);
        if (condition is null) conditions.Add((JsonNode)(condition = new JsonObject { ["type"] = type }));
        var value = isTrue ? "True" : "False";
        if ((string?)condition["status"] != value) condition["lastTransitionTime"] = KubeTime.Seconds(_now);
        condition["status"] = value;
        condition["reason"] = reason;
        condition["message"] = message;
    }

    /// <summary>Another server, with the alpha feature of scaling to zero, may have left its condition.</summary>
    private void RemoveScaledToZero() => Workloads.StatusTree.RemoveCondition(_status, "ScaledToZero");

    /// <param name="desired">Null: stays as it was.</param>
    private void SetReplicas(int current, int? desired, JsonArray? metrics, bool isRescaled)
    {
        _status.Remove("currentReplicas");
        if (current != 0) _status["currentReplicas"] = current;
        if (desired is { } number) _status["desiredReplicas"] = number;
        _status["currentMetrics"] = metrics;
        _status.Remove("observedGeneration");
        if (isRescaled) _status["lastScaleTime"] = KubeTime.Seconds(_now);
    }

    private async Task WriteAsync(CancellationToken cancel)
    {
        _status["desiredReplicas"] ??= 0;
        try
        {
            await Workloads.StatusTree.WriteStatusAsync(context.Client, Resources.HorizontalPodAutoscalers, _tree, _status.DeepClone().AsObject(), cancel);
        }
        catch (StatusException e)
        {
            // The next look is in 15 seconds, as upstream has it: a conflict is no hurry.
            context.Events.Warning(About, "FailedUpdateStatus", e.Message);
        }
    }
}
