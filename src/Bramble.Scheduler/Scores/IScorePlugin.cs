using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Scores;

/// <summary>One opinion on which of the fitting nodes is best.</summary>
internal interface IScorePlugin
{
    int Weight { get; }

    /// <summary>One number a node, higher is better; made 0..100 by <see cref="Normalize"/>.</summary>
    double Score(PodInfo pod, NodeInfo node, ClusterState cluster);

    /// <summary>Most opinions are 0..100 already.</summary>
    void Normalize(double[] scores) { }

    /// <summary>The best gets 100, the worst (by <paramref name="isReverse"/> the highest) 0.</summary>
    static void Spread(double[] scores, bool isReverse)
    {
        var most = scores.DefaultIfEmpty().Max();
        for (var i = 0; i < scores.Length; i++)
            scores[i] = most <= 0 ? (isReverse ? 100 : 0) : isReverse ? 100 - (100 * scores[i] / most) : 100 * scores[i] / most;
    }
}
