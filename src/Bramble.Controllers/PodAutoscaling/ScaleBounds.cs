namespace Bramble.Controllers.PodAutoscaling;

/// <summary>What is wanted whatever the metrics say. Pure.</summary>
internal static class ScaleBounds
{
    /// <returns>How many replicas and the event's reason; null: the metrics decide.</returns>
    public static (int Desired, string Why)? Decide(int current, int least, int most)
    {
        // What was scaled to zero stays there until somebody scales it.
        if (current == 0) return (0, "");
        if (current > most) return (most, "Current number of replicas above Spec.MaxReplicas");
        return current < least ? (least, "Current number of replicas below Spec.MinReplicas") : null;
    }

    /// <param name="asked">By the metric that counts.</param>
    public static string Why(int current, int asked, string metric) => asked > current ? $"{metric} above target" : asked < current ? "All metrics below target" : "";
}
