using Bramble.Scheduler.Plugins;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class ImageLocalityTests
{
    private static readonly V1Node[] Nodes = [With("a", ("web:1", 300)), With("b", ("db:latest", 500), ("web:1", 300)), With("c")];

    public static TheoryData<string, string, long[]> Cases => new()
    {
        // 300 MiB on 2 of 3 nodes: 200 MiB; 100 * (200 - 23) / (1000 - 23) = 18.
        { "an image on two of three nodes counts two thirds", "web:1", [18, 18, 0] },
        // 500 MiB on one of three: 166 MiB; 100 * 143 / 977 = 14.
        { "no tag means latest", "db", [0, 14, 0] },
        { "an image nobody has", "other:1", [0, 0, 0] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Nodes_that_have_the_image_are_better(string name, string image, long[] expected)
    {
        _ = name;
        Assert.Equal(expected, new ImageLocality().Scores(Some.Pod("p", with: p => p.Spec.Containers[0].Image = image), Some.Cluster(Nodes))!);
    }

    [Fact]
    public void A_node_that_went_takes_its_images_along()
    {
        var cluster = Some.Cluster(Nodes);
        cluster.RemoveNode("a");
        Assert.Equal(1, cluster.Images.Find("web:1", "b")!.Value.NodeCount);
        Assert.Null(cluster.Images.Find("web:1", "a"));
    }

    private static V1Node With(string name, params (string Image, int MiB)[] images) => Some.Node(name, with: n => n.Status.Images =
        [.. images.Select(i => new V1ContainerImage { Names = [i.Image], SizeBytes = (long)i.MiB << 20 })]);
}
