using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>POST pods/NAME/eviction: deletes a pod unless its PodDisruptionBudget forbids it now (<c>kubectl drain</c>).</summary>
internal sealed class EvictionEndpoint(TimeProvider time) : VirtualEndpoint(new("", "pods"), "eviction")
{
    // Upstream's EvictionsRetry.
    private const int AttemptsMax = 20;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(500);

    private static readonly GroupResource Pods = new("", "pods");
    private static readonly GroupResource Budgets = new("policy", "poddisruptionbudgets");
    private static readonly GroupVersionKind Kind = new("policy", "v1", "Eviction");

    protected override async ValueTask<JsonObject> CreateAsync(SpecialRequest request, JsonObject body, CancellationToken cancel)
    {
        if (body.ObjectName() != request.Info.Name) throw StatusErrors.BadRequest("name in URL does not match name in Eviction object");
        var options = (JsonObject?)body.Object("deleteOptions")?.DeepClone() ?? [];
        if (options.Bool("ignoreStoreReadErrorWithClusterBreakingPotential"))
        {
            var errors = new FieldErrors();
            errors.Invalid("deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential", true, "can not be set for pod eviction, try after removing the option");
            throw StatusErrors.Invalid(Kind, request.Info.Name, errors);
        }
        var isDryRun = request.IsDryRun || options.Count("dryRun") > 0;
        // A version that the caller named is his business; one that we name is tried anew.
        var isPinned = options.Object("preconditions").Has("resourceVersion");
        for (var attempt = 1; ; attempt++)
        {
            if (request.Reader.Find(Pods, request.Name)?.ToTree() is not { } pod) throw StatusErrors.NotFound(Pods, request.Info.Name);
            if (!EvictionDecision.CanIgnoreBudgets(pod)) return await WithBudgetAsync(request, pod, options, isPinned, isDryRun, cancel);
            try
            {
                await DeleteAsync(request, EvictionDecision.IsFinished(pod) ? options : Pinned(options, pod), isDryRun, cancel);
                return Success;
            }
            catch (StatusException e) when (e.IsConflict && !isPinned && attempt < AttemptsMax)
            {
                await Task.Delay(RetryAfter, time, cancel);
            }
        }
    }

    private async ValueTask<JsonObject> WithBudgetAsync(SpecialRequest request, JsonObject pod, JsonObject options, bool isPinned, bool isDryRun, CancellationToken cancel)
    {
        var matching = BudgetsOf(request, pod);
        // An object that says "failure", in an answer that says "created": upstream's clients read the object.
        if (matching.Count > 1) return new Status(500, "", "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.").ToTree();
        var budget = matching.FirstOrDefault()?.ObjectName();
        var isUnhealthy = budget is not null && EvictionDecision.MayGoUnhealthy(pod, matching[0]);
        if (budget is not null && !isUnhealthy) await TakeFromBudgetAsync(request, budget, isDryRun, cancel);
        try
        {
            await DeleteAsync(request, isUnhealthy ? Pinned(options, pod) : options, isDryRun, cancel);
        }
        catch (StatusException e) when (e.IsConflict && isUnhealthy && !isPinned)
        {
            throw EvictionDecision.StillProcessing(budget!);
        }
        return Success;
    }

    private static List<JsonObject> BudgetsOf(SpecialRequest request, JsonObject pod) =>
    [
        .. request.Reader.List(Budgets, request.Info.Namespace).Select(budget => budget.ToTree()).Where(budget =>
        {
            try
            {
                return LabelSelector.FromObject(budget.Object("spec").Object("selector")).Matches(pod);
            }
            catch (FormatException)
            {
                return false; // a selector that says nothing sensible selects nothing
            }
        }),
    ];

    /// <summary>A pod that turns healthy between our look and the deletion must not go: the deletion is for this version only.</summary>
    private static JsonObject Pinned(JsonObject options, JsonObject pod)
    {
        var pinned = (JsonObject)options.DeepClone();
        var preconditions = pinned.Child("preconditions");
        if (!preconditions.Has("resourceVersion")) preconditions["resourceVersion"] = pod.Object("metadata").Text("resourceVersion");
        return pinned;
    }

    private async Task TakeFromBudgetAsync(SpecialRequest request, string budget, bool isDryRun, CancellationToken cancel) =>
        await request.Writer.UpdateAsync(
            Budgets,
            new NamespacedName(request.Info.Namespace, budget),
            "status",
            request.Request,
            isDryRun,
            tree =>
            {
                if (EvictionDecision.Refusal(tree) is { } refusal) throw refusal;
                var status = tree.Child("status");
                var left = status.Long("disruptionsAllowed") - 1;
                status["disruptionsAllowed"] = left;
                status.Child("disruptedPods")[request.Info.Name] = KubernetesTime.Write(time.GetUtcNow());
                if (left == 0) EvictionDecision.SetNoDisruptionAllowed(status, tree.Object("metadata").Long("generation"), time.GetUtcNow());
                return true;
            },
            cancel);

    private async Task DeleteAsync(SpecialRequest request, JsonObject options, bool isDryRun, CancellationToken cancel)
    {
        if (!isDryRun)
        {
            var updated = await request.Writer.ChangeStoredAsync(
                Pods,
                request.Name,
                request.Request,
                false,
                tree =>
                {
                    CheckPreconditions(tree, options.Object("preconditions"));
                    PodConditions.Set(tree.Child("status"), "DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting", time.GetUtcNow(), keepsObservedGeneration: true);
                    return true;
                },
                cancel);
            // The write above is ours: the deletion is for what it made.
            if (options.Object("preconditions").Has("resourceVersion")) options["preconditions"]!["resourceVersion"] = updated.ResourceVersion.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
        await request.Writer.DeleteAsync(Pods, request.Name, options, request.Request, isDryRun, cancel);
    }

    private static void CheckPreconditions(JsonObject pod, JsonObject? preconditions)
    {
        var metadata = pod.Object("metadata");
        if (preconditions.Text("uid") is { Length: > 0 } uid && uid != metadata.Text("uid"))
            throw StatusErrors.Conflict(
                new("", "Pod"), pod.ObjectName(), $"the UID in the precondition ({uid}) does not match the UID in record ({metadata.Text("uid")}). The object might have been deleted and then recreated");
        if (preconditions.Text("resourceVersion") is { Length: > 0 } version && version != metadata.Text("resourceVersion"))
            throw StatusErrors.Conflict(
                new("", "Pod"), pod.ObjectName(), $"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({metadata.Text("resourceVersion")}). The object might have been modified");
    }
}
