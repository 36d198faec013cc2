using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults of a pod spec, in a Pod and in a template (upstream's SetDefaults_PodSpec and what hangs below it).</summary>
internal static class PodDefaults
{
    /// <summary>Defaults that templates have too.</summary>
    public static void ApplyToSpec(JsonObject spec)
    {
        spec.DefaultText("dnsPolicy", "ClusterFirst");
        spec.DefaultText("restartPolicy", "Always");
        if (!spec.Has("securityContext")) spec["securityContext"] = new JsonObject();
        spec.DefaultTo("terminationGracePeriodSeconds", 30);
        spec.DefaultText("schedulerName", "default-scheduler");
        foreach (var (_, volume) in spec.Items("volumes")) VolumeDefaults.Apply(volume);
        foreach (var list in ContainerLists)
            foreach (var (_, container) in spec.Items(list)) ContainerDefaults.Apply(container);
        QuantityRounding.RoundUp(spec.Object("overhead"));
        QuantityRounding.RoundUp(spec.Object("resources").Object("limits"));
        QuantityRounding.RoundUp(spec.Object("resources").Object("requests"));
    }

    public static void ApplyToTemplate(JsonObject? template)
    {
        if (template is null) return;
        // spec is a structure of the template, never absent.
        ApplyToSpec(template.Child("spec"));
    }

    /// <summary>Defaults of Pods only: templates must not change when new ones are added.</summary>
    public static void ApplyToPod(JsonObject pod)
    {
        var spec = pod.Child("spec");
        ApplyToSpec(spec);
        foreach (var list in RegularLists)
            foreach (var (_, container) in spec.Items(list)) RequestsFromLimits(container);
        PodLevelResources.Default(spec);
        // Of Pods only: a template keeps what it says.
        if (spec.Long("terminationGracePeriodSeconds") < 0) spec["terminationGracePeriodSeconds"] = 1;
        spec.DefaultTo("enableServiceLinks", true);
        if (!spec.Bool("hostNetwork")) return;
        foreach (var list in RegularLists)
            foreach (var (_, container) in spec.Items(list))
                foreach (var (_, port) in container.Items("ports")) port.DefaultNumber("hostPort", port.Long("containerPort"));
    }

    private static void RequestsFromLimits(JsonObject container)
    {
        if (container.Object("resources") is not { } resources || resources.Object("limits") is not { } limits) return;
        if (limits.Count == 0) return;
        var requests = resources.Child("requests");
        foreach (var (name, value) in limits)
            if (!requests.Has(name)) requests[name] = value?.DeepClone();
    }

    public static readonly string[] ContainerLists = ["initContainers", "containers", "ephemeralContainers"];
    private static readonly string[] RegularLists = ["containers", "initContainers"];
}
