using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Plugins;

/// <summary>One opinion on which of the fitting nodes is best. Where its filter is an <see cref="INodeScore"/> that is the opinion.</summary>
internal interface IScorePlugin
{
    string Name { get; }

    /// <param name="nodes">The nodes that fit.</param>
    /// <returns>Null: no opinion about this Pod.</returns>
    INodeScore? Prepare(PodInfo pod, IReadOnlyList<NodeInfo> nodes, ClusterState cluster);
}

/// <summary>An opinion with one Pod in mind. Scoring allocates nothing.</summary>
internal interface INodeScore
{
    const long Max = 100;

    /// <summary>A number for the node, higher is better.</summary>
    long Score(NodeInfo node);

    /// <summary>Makes the numbers of all nodes 0..100; most are so already.</summary>
    void Normalize(Span<long> scores)
    {
    }

    /// <summary>The highest gets 100 (or, reversed, 0), the others their share of it.</summary>
    static void ByHighest(Span<long> scores, bool isReverse)
    {
        long most = 0;
        foreach (var score in scores) most = Math.Max(most, score);
        for (var i = 0; i < scores.Length; i++)
        {
            var share = most == 0 ? 0 : Max * scores[i] / most;
            scores[i] = isReverse ? Max - share : share;
        }
    }
}
