using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>Turns a pod's priorityClassName into its priority; only one class may be the default.</summary>
internal sealed class PriorityAdmission : IAdmissionPlugin
{
    private static readonly GroupResource Classes = new("scheduling.k8s.io", "priorityclasses");

    public string Name => "Priority";

    public bool Handles(AdmissionRequest request) => request.Object is not null && request.IsCreateOrUpdate() && (request.Is("", "pods") || request.Is("scheduling.k8s.io", "priorityclasses"));

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        if (!request.Is("", "pods")) return default;
        var spec = request.Object!.Child("spec");
        if (request.Operation == AdmissionOperation.Update)
        {
            var old = request.OldObject.Object("spec");
            foreach (var field in (ReadOnlySpan<string>)["priority", "preemptionPolicy"])
                if (!spec.Has(field) && old.Has(field)) spec[field] = old[field]!.DeepClone();
            return default;
        }
        var (name, priority, policy) = Establish(request, spec.Text("priorityClassName"));
        if (name.Length > 0) spec["priorityClassName"] = name;
        if (spec.LongOrNull("priority") is { } given && given != priority)
            throw request.Forbidden($"the integer value of priority ({given.ToString(CultureInfo.InvariantCulture)}) must not be provided in pod spec; priority admission controller computed {priority.ToString(CultureInfo.InvariantCulture)} from the given PriorityClass name");
        spec["priority"] = priority;
        if (spec.Text("preemptionPolicy") is { Length: > 0 } wanted && wanted != policy)
            throw request.Forbidden($"the string value of PreemptionPolicy ({wanted}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name");
        spec["preemptionPolicy"] = policy;
        return default;
    }

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        if (!request.Is("scheduling.k8s.io", "priorityclasses") || !request.Object!.Bool("globalDefault")) return default;
        if (Default(request) is { } other && (request.Operation == AdmissionOperation.Create || other.ObjectName() != request.Object!.ObjectName()))
            throw request.Forbidden($"PriorityClass {other.ObjectName()} is already marked as default. Only one default can exist");
        return default;
    }

    private static (string Name, long Priority, string Policy) Establish(AdmissionRequest request, string name)
    {
        JsonObject? found;
        if (name.Length == 0) found = Default(request);
        else found = request.Reader.Find(Classes, new("", name))?.ToTree() ?? throw request.Forbidden($"no PriorityClass with name {name} was found");
        return found is null
            ? ("", 0, "PreemptLowerPriority")
            : (found.ObjectName(), found.Long("value"), found.Text("preemptionPolicy") is { Length: > 0 } policy ? policy : "PreemptLowerPriority");
    }

    /// <summary>The default with the lowest value: two of them exist only where they were made at the same moment.</summary>
    private static JsonObject? Default(AdmissionRequest request) =>
        request.Reader.List(Classes).Select(c => c.ToTree()).Where(c => c.Bool("globalDefault")).MinBy(c => c.Long("value"));
}
