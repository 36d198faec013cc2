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

    public static TheoryData<string, string, V1Node[], long[]> Several => new()
    {
        // Half of 40 MiB is less than 23; 100 * (125 - 23) / (2000 - 23) = 5.
        { "each on one of two nodes", "40,250", [With("a", ("40:latest", 40), ("300:latest", 300)), With("b", ("250:latest", 250))], [0, 5] },
        { "both on one", "40,300", [With("a", ("40:latest", 40), ("300:latest", 300)), With("b", ("250:latest", 250))], [7, 0] },
        { "more than 1000 MiB a container is as good as 1000", "10,4000", [With("a", ("4000:latest", 4000)), With("b", ("10:latest", 10))], [100, 0] },
        { "a third of it is less", "10,4000", [With("a", ("4000:latest", 4000)), With("b", ("10:latest", 10)), With("c")], [66, 0, 0] },
        { "three of which two are on two nodes", "300,600,900",
            [With("a", ("600:latest", 600), ("900:latest", 900)), With("b", ("300:latest", 300), ("600:latest", 600), ("900:latest", 900)), With("c")], [32, 36, 0] },
        { "small ones", "30,40", [With("a", ("30:latest", 30), ("40:latest", 40)), With("b", ("30:latest", 30))], [1, 0] },
        { "init containers are containers", "30;300", [With("a", ("300:latest", 300)), With("b", ("30:latest", 30))], [6, 0] },
        { "an image that is a volume has its size, not a container's limit", "30!300", [With("a", ("300:latest", 300)), With("b", ("30:latest", 30))], [12, 0] },
    };

    /// <param name="images">Containers, comma between; after a semicolon init containers; after an exclamation mark volumes.</param>
    [Theory]
    [MemberData(nameof(Several))]
    public void Images_add_up(string name, string images, V1Node[] nodes, long[] expected)
    {
        _ = name;
        static V1Container[] Containers(string list) => [.. list.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(i => new V1Container { Name = i, Image = i })];
        var (rest, volumes) = images.Split('!') is [var before, var after] ? (before, after) : (images, "");
        var (main, inits) = rest.Split(';') is [var first, var second] ? (first, second) : (rest, "");
        var pod = Some.Pod("p", with: p =>
        {
            (p.Spec.Containers, p.Spec.InitContainers) = (Containers(main), Containers(inits));
            p.Spec.Volumes = [.. Containers(volumes).Select(c => new V1Volume { Name = c.Name, Image = new V1ImageVolumeSource { Reference = c.Image } })];
        });
        Assert.Equal(expected, new ImageLocality().Scores(pod, Some.Cluster(nodes))!);
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
