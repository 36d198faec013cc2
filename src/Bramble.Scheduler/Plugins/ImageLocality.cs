using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Plugins;

/// <summary>Prefers nodes that have the images already: a pull over a home's connection takes minutes. An image counts with its size times the share of
/// nodes that have it, so that one lucky node does not draw every Pod.</summary>
internal sealed class ImageLocality : IScorePlugin
{
    private const long BytesMin = 23L << 20;
    private const long BytesMaxPerContainer = 1000L << 20;

    public string Name => "ImageLocality";

    public INodeScore? Prepare(PodInfo pod, IReadOnlyList<NodeInfo> nodes, ClusterState cluster)
    {
        if (cluster.Images.IsEmpty) return null;
        var spec = pod.Pod.Spec;
        var images = (spec.InitContainers ?? []).Concat(spec.Containers).Select(c => FullName(c.Image))
            .Concat((spec.Volumes ?? []).Where(v => v.Image is not null).Select(v => FullName(v.Image.Reference))).ToArray();
        return new ForPod(images, spec.Containers.Count + (spec.InitContainers?.Count ?? 0), cluster);
    }

    private static string FullName(string? image) => image is null ? "" : image.LastIndexOf(':') > image.LastIndexOf('/') ? image : image + ":latest";

    private sealed class ForPod(string[] images, int containers, ClusterState cluster) : INodeScore
    {
        public long Score(NodeInfo node)
        {
            long sum = 0;
            foreach (var image in images)
                if (cluster.Images.Find(image, node.Name) is var (size, count)) sum += (long)(size * ((double)count / cluster.NodeCount));
            var most = BytesMaxPerContainer * containers;
            return INodeScore.Max * (Math.Clamp(sum, BytesMin, most) - BytesMin) / (most - BytesMin);
        }
    }
}
