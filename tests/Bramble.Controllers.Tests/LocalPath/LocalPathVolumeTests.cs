using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.LocalPath;
using k8s;
using k8s.Models;

namespace Bramble.Controllers.Tests.LocalPath;

public sealed class LocalPathVolumeTests
{
    private const string Claim = """{"metadata":{"name":"data","namespace":"shop","uid":"u1","resourceVersion":"7","labels":{"app":"db"}},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"local-path","resources":{"requests":{"storage":"5Gi"}}}}""";
    private const string Class = """{"metadata":{"name":"local-path","annotations":{"defaultVolumeType":"local"}},"provisioner":"rancher.io/local-path","reclaimPolicy":"Delete"}""";
    private const string Node = """{"metadata":{"name":"pi1","labels":{"kubernetes.io/hostname":"board-1"}},"spec":{},"status":{}}""";

    [Fact]
    public void The_volume_is_K3s_volume_to_the_field()
    {
        var plan = Assert.IsType<LocalPathPlan.Make>(Decide(Claim, Class, Node));
        Assert.Equal(("pi1", "/data/pvc-u1_shop_data"), (plan.Node, plan.Path));
        Assert.Equal("""
            {"apiVersion":"v1","kind":"PersistentVolume",
            "metadata":{"name":"pvc-u1","annotations":{"local.path.provisioner/selected-node":"pi1","pv.kubernetes.io/provisioned-by":"rancher.io/local-path"}},
            "spec":{"accessModes":["ReadWriteOnce"],"capacity":{"storage":"5Gi"},
            "claimRef":{"kind":"PersistentVolumeClaim","namespace":"shop","name":"data","uid":"u1","apiVersion":"v1","resourceVersion":"7"},
            "local":{"path":"/data/pvc-u1_shop_data"},
            "nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["board-1"]}]}]}},
            "persistentVolumeReclaimPolicy":"Delete","storageClassName":"local-path","volumeMode":"Filesystem"}}
            """.Replace("\n", ""), plan.Volume.ToJsonString());
    }

    public static TheoryData<string, string, string, string?, string> Refusals => new()
    {
        { "many nodes cannot share a folder", Claim.Replace("ReadWriteOnce", "ReadWriteMany"), Class, Node, "NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes" },
        { "a selector chooses among volumes, and there is none yet", Claim.Replace("\"accessModes\"", "\"selector\":{},\"accessModes\""), Class, Node, "claim.Spec.Selector is not supported" },
        { "a class that binds at once names no node", Claim, Class, null, "configuration error, no node was specified" },
        { "an unknown kind of volume", Claim.Replace("\"labels\"", "\"annotations\":{\"volumeType\":\"nfs\"},\"labels\""), Class, Node, "\"nfs\" is not a recognised volume type" },
        { "the class wants a path that the node has not", Claim, Class.Replace("\"provisioner\"", "\"parameters\":{\"nodePath\":\"/ssd\"},\"provisioner\""), Node, "config doesn't contain path /ssd on node pi1" },
        { "a pattern that leads out", Claim, Pattern("../{{ .PVC.Name }}"), Node, "pathPattern leads to the unsafe path \"../data\"" },
        { "a pattern with an unknown word", Claim, Pattern("{{ .PVC.Size }}"), Node, "pathPattern \"{{ .PVC.Size }}\" cannot be filled in" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Refused(string because, string claim, string storageClass, string? node, string why)
    {
        Assert.NotEmpty(because);
        Assert.Equal(new LocalPathPlan.Refuse(why), Decide(claim, storageClass, node));
    }

    [Theory]
    [InlineData("{{ .PVC.Namespace }}/{{ .PVC.Name }}", "/data/shop/data")]
    [InlineData("{{.PVName}}-{{.PVC.Labels.app}}", "/data/pvc-u1-db")]
    public void A_class_may_name_the_folder(string pattern, string path) => Assert.Equal(path, Assert.IsType<LocalPathPlan.Make>(Decide(Claim, Pattern(pattern), Node)).Path);

    [Fact]
    public void A_claim_may_want_a_hostPath_volume()
    {
        var plan = Assert.IsType<LocalPathPlan.Make>(Decide(Claim.Replace("\"labels\"", "\"annotations\":{\"volumeType\":\"hostPath\"},\"labels\""), Class, Node));
        Assert.Equal("""{"path":"/data/pvc-u1_shop_data","type":"DirectoryOrCreate"}""", plan.Volume["spec"]!["hostPath"]!.ToJsonString());
        Assert.Null(plan.Volume["spec"]!["local"]);
    }

    [Fact]
    public void A_released_volume_says_where_its_folder_is()
    {
        var volume = Read<V1PersistentVolume>(Assert.IsType<LocalPathPlan.Make>(Decide(Claim, Class, Node)).Volume.ToJsonString());
        Assert.Equal(("pi1", "/data/pvc-u1_shop_data", null), LocalPathVolume.PlaceOf(volume));
        // Volumes of old provisioners have no annotation: the host name is the node's name then.
        volume.Metadata.Annotations.Remove("local.path.provisioner/selected-node");
        Assert.Equal(("board-1", "/data/pvc-u1_shop_data", null), LocalPathVolume.PlaceOf(volume));
        volume.Spec.NodeAffinity = null;
        Assert.Equal("cannot find affinited node", LocalPathVolume.PlaceOf(volume).Error);
        volume.Spec.Local = null;
        Assert.Equal("no path set", LocalPathVolume.PlaceOf(volume).Error);
    }

    private static string Pattern(string pattern) => Class.Replace("\"provisioner\"", $"\"parameters\":{new JsonObject { ["pathPattern"] = pattern }.ToJsonString()},\"provisioner\"");

    private static LocalPathPlan Decide(string claim, string storageClass, string? node) => LocalPathVolume.Decide(Read<V1PersistentVolumeClaim>(claim), Read<V1StorageClass>(storageClass),
        node is null ? null : Read<V1Node>(node), LocalPathConfig.Parse("""{"nodePathMap":[{"node":"DEFAULT_PATH_FOR_NON_LISTED_NODES","paths":["/data"]}]}"""), _ => 0);

    private static T Read<T>(string json) where T : class, IKubernetesObject<V1ObjectMeta> => KubeObject.Parse(System.Text.Encoding.UTF8.GetBytes(json)).Model<T>();
}
