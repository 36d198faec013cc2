using Bramble.Client;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.Queue;
using Bramble.Scheduler.State;
using Bramble.Scheduler.Volumes;
using k8s.Models;

namespace Bramble.Scheduler.Tests.Plugins;

public sealed class VolumeRulesTests
{
    private readonly SomeInformers _informers = new();

    private StorageView Storage => new(_informers);

    public static TheoryData<string, string> ClaimStates => new()
    {
        { "absent", "persistentvolumeclaim \"data\" not found!" },
        { "immediate", "pod has unbound immediate PersistentVolumeClaims!" },
        { "lost", "persistentvolumeclaim \"data\" bound to non-existent persistentvolume \"v\"!" },
        { "leaving", "persistentvolumeclaim \"data\" is being deleted!" },
        { "bound here", "fits" },
        { "bound elsewhere", "node(s) didn't match PersistentVolume's node affinity!" },
        { "bound to nothing", "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)!" },
        { "waits for a provisioner", "fits" },
        { "waits and there is none", "node(s) didn't find available persistent volumes to bind!" },
        { "is being provisioned elsewhere", "node(s) didn't find available persistent volumes to bind!" },
    };

    [Theory]
    [MemberData(nameof(ClaimStates))]
    public void Claims_must_be_bound_or_bindable(string state, string expected)
    {
        Class("wait", "example.com/p");
        Class("local", "kubernetes.io/no-provisioner");
        switch (state)
        {
            case "immediate": Claim(null, c => c.Spec.StorageClassName = "none"); break;
            case "lost": Claim("v", c => c.Status = new V1PersistentVolumeClaimStatus { Phase = "Lost" }); break;
            case "leaving": Claim("v", c => c.Metadata.DeletionTimestamp = DateTime.UnixEpoch); break;
            case "bound here": Claim("v"); Volume("v", zone: "z1"); break;
            case "bound elsewhere": Claim("v"); Volume("v", zone: "z2"); break;
            case "bound to nothing": Claim("v"); break;
            case "waits for a provisioner": Claim(null, c => c.Spec.StorageClassName = "wait"); break;
            case "waits and there is none": Claim(null, c => c.Spec.StorageClassName = "local"); break;
            case "is being provisioned elsewhere":
                Claim(null, c =>
                {
                    c.Spec.StorageClassName = "wait";
                    c.Metadata.Annotations = Some.Labels(("volume.kubernetes.io/selected-node", "other"));
                });
                break;
        }
        var rule = new VolumeBinding(Storage, null!, TimeProvider.System, new VolumePromises());
        Assert.Equal(expected, rule.Says(Uses("data"), Some.Cluster(Some.Node("a", ("zone", "z1"))), "a"));
    }

    [Fact]
    public void Of_the_volumes_that_are_there_the_smallest_that_will_do()
    {
        V1PersistentVolume[] volumes = [Volume("big", "20Gi"), Volume("fit", "6Gi"), Volume("small", "1Gi"), Volume("taken", "5Gi", with: v => v.Spec.ClaimRef = new V1ObjectReference { Name = "x", NamespaceProperty = "y" }), Volume("far", "5Gi", zone: "z2")];
        var claim = Claim(null, c => c.Spec.StorageClassName = "local");
        var node = Some.Node("a", ("zone", "z1"));
        Assert.Equal("fit", VolumeChoice.Best(claim, volumes, node, _ => null)!.Metadata.Name);
        Assert.Equal("big", VolumeChoice.Best(claim, volumes, node, name => name == "fit" ? "another" : null)!.Metadata.Name);
        var reserved = Volume("own", "9Gi", with: v => v.Spec.ClaimRef = new V1ObjectReference { Name = "data", NamespaceProperty = "default" });
        Assert.Equal("own", VolumeChoice.Best(claim, [.. volumes, reserved], node, _ => null)!.Metadata.Name);
    }

    [Fact]
    public void A_claim_that_two_Pods_wait_for_gets_one_volume()
    {
        var promises = new VolumePromises();
        Class("local", "kubernetes.io/no-provisioner");
        Claim(null, c => c.Spec.StorageClassName = "local");
        Volume("here", zone: "z1");
        Volume("there", zone: "z2");
        var cluster = Some.Cluster(Some.Node("a", ("zone", "z1")), Some.Node("b", ("zone", "z2")));
        var rule = new VolumeBinding(Storage, null!, TimeProvider.System, promises);
        var first = rule.Prepare(Uses("data"), cluster).Filter!;
        Assert.True(first.Filter(cluster.Find("a")!).DoesFit && first.Filter(cluster.Find("b")!).DoesFit);
        Assert.NotNull(rule.Reserve(Uses("data"), first, cluster.Find("a")!));
        Assert.Equal("here", Assert.Single(promises.ClaimOfVolume).Key);
        Assert.Equal("fits", rule.Says(Uses("data", "second"), cluster, "a"));
        Assert.Equal("node(s) didn't find available persistent volumes to bind!", rule.Says(Uses("data", "second"), cluster, "b"));
    }

    [Fact]
    public void A_claim_that_a_Pod_names_twice_gets_one_volume()
    {
        var promises = new VolumePromises();
        Class("local", "kubernetes.io/no-provisioner");
        Claim(null, c => c.Spec.StorageClassName = "local");
        Volume("v1");
        Volume("v2");
        var cluster = Some.Cluster(Some.Node("a", labels: []));
        var pod = Some.Pod("p", with: p => p.Spec.Volumes = [Uses("data").Pod.Spec.Volumes[0], Uses("data").Pod.Spec.Volumes[0]]);
        var rule = new VolumeBinding(Storage, null!, TimeProvider.System, promises);
        var filter = rule.Prepare(pod, cluster).Filter!;
        Assert.True(filter.Filter(cluster.Find("a")!).DoesFit);
        Assert.NotNull(rule.Reserve(pod, filter, cluster.Find("a")!));
        Assert.Single(promises.ClaimOfVolume);
    }

    [Fact]
    public void What_is_not_decided_on_a_node_is_not_reserved_there()
    {
        Class("wait", "example.com/p");
        Claim(null, c => c.Spec.StorageClassName = "wait");
        var cluster = Some.Cluster(Some.Node("a", labels: []));
        var rule = new VolumeBinding(Storage, null!, TimeProvider.System, new VolumePromises());
        Assert.Equal("no pod volume found for node \"a\"", Assert.Throws<SchedulingException>(() => rule.Reserve(Uses("data"), rule.Prepare(Uses("data"), cluster).Filter!, cluster.Find("a")!)).Message);
    }

    [Theory]
    [InlineData("z1", "fits")]
    [InlineData("z2__", "fits")]
    [InlineData("z1__z3", "fits")]
    [InlineData("z2", "node(s) had no available volume zone!")]
    public void A_volume_is_used_only_in_its_zones(string zones, string expected)
    {
        Claim("v");
        Volume("v", with: v => v.Metadata.Labels = Some.Labels(("failure-domain.beta.kubernetes.io/zone", zones)));
        var cluster = Some.Cluster(Some.Node("a", ("topology.kubernetes.io/zone", "z1")), Some.Node("b", labels: []));
        Assert.Equal(expected, new VolumeZone(Storage).Says(Uses("data"), cluster, "a"));
        Assert.Equal("fits", new VolumeZone(Storage).Says(Uses("data"), cluster, "b"));
    }

    [Fact]
    public void ReadWriteOncePod_means_one_Pod_in_the_cluster()
    {
        const string InUse = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";
        Claim("v", c => c.Spec.AccessModes = ["ReadWriteOncePod"]);
        var cluster = Some.Cluster(Some.Node("a", labels: []), Some.Node("b", labels: []));
        Assert.Equal("fits", new VolumeRestrictions(Storage).Says(Uses("data"), cluster, "a"));
        var other = Uses("data", "other");
        cluster.On("b", other);
        Assert.Equal(InUse, new VolumeRestrictions(Storage).Says(Uses("data"), cluster, "a"));
        var filter = new VolumeRestrictions(Storage).Prepare(Uses("data"), cluster).Filter!.Copy();
        filter.Remove(other, cluster.Find("b")!);
        Assert.True(filter.Filter(cluster.Find("b")!).DoesFit);
    }

    [Fact]
    public void A_disk_with_one_writer_is_on_a_node_once()
    {
        PodInfo Disk(string name, bool readOnly) => Some.Pod(name, with: p => p.Spec.Volumes = [new V1Volume { Name = "v", GcePersistentDisk = new V1GCEPersistentDiskVolumeSource { PdName = "d", ReadOnlyProperty = readOnly } }]);
        var cluster = Some.Cluster(Some.Node("a", labels: [])).On("a", Disk("x", readOnly: true));
        Assert.Equal("node(s) had no available disk", new VolumeRestrictions(Storage).Says(Disk("p", readOnly: false), cluster, "a"));
        Assert.Equal("fits", new VolumeRestrictions(Storage).Says(Disk("p", readOnly: true), cluster, "a"));
    }

    /// <summary>A change, and which of the rules take another look at a Pod that uses the claim <c>data</c>, an ephemeral volume <c>e</c> and a disk <c>d</c>.</summary>
    public static TheoryData<string, object, object?, object?, string> Changes => new()
    {
        { "its claim is there", ChangeKinds.ClaimAdded, null, Named("data"), "Binding Zone Limits Restrictions" },
        { "its claim changed", ChangeKinds.ClaimChanged, Named("data"), Named("data"), "Binding Zone" },
        { "the ephemeral volume's claim is there", ChangeKinds.ClaimAdded, null, Named("p-e"), "Binding Limits" },
        { "another claim", ChangeKinds.ClaimAdded, null, Named("other"), "" },
        { "another namespace's claim of this name", ChangeKinds.ClaimAdded, null, Named("data", "other"), "" },
        { "a class that binds at once", ChangeKinds.ClassAdded, null, new V1StorageClass { VolumeBindingMode = "Immediate" }, "Binding" },
        { "a class that waits", ChangeKinds.ClassAdded, null, new V1StorageClass { VolumeBindingMode = "WaitForFirstConsumer" }, "Binding Zone" },
        { "a class with other topologies", ChangeKinds.ClassChanged, InZone("z1"), InZone("z2"), "Binding" },
        { "a class without", ChangeKinds.ClassChanged, InZone("z1"), new V1StorageClass(), "Binding" },
        { "a class with the same topologies", ChangeKinds.ClassChanged, InZone("z1"), InZone("z1"), "" },
        { "a volume", ChangeKinds.VolumeAdded, null, Labelled("z1"), "Binding Zone" },
        { "a volume's zone", ChangeKinds.VolumeChanged, Labelled("z1"), Labelled("z2"), "Binding Zone" },
        { "a volume that is where it was", ChangeKinds.VolumeChanged, Labelled("z1"), Labelled("z1"), "Binding" },
        { "a Pod without volumes is gone", ChangeKinds.PodRemoved, Some.Pod("q"), null, "" },
        { "a Pod with another claim is gone", ChangeKinds.PodRemoved, Uses("other", "q"), null, "Limits" },
        { "a Pod with the claim is gone", ChangeKinds.PodRemoved, Uses("data", "q"), null, "Limits Restrictions" },
        { "another namespace's Pod with the disk is gone", ChangeKinds.PodRemoved, WithDisk("q", "other"), null, "" },
        { "a Pod with the disk is gone", ChangeKinds.PodRemoved, WithDisk("q", "default"), null, "Restrictions" },
        { "a volume is detached", ChangeKinds.AttachmentRemoved, null, null, "Limits" },
        { "a node", ChangeKinds.NodeAdded, null, null, "Binding Zone Restrictions" },
        { "a node's labels", ChangeKinds.NodeLabels, null, null, "Binding Zone" },
        { "a node can attach more", ChangeKinds.CsiNodeChanged, null, null, "Limits" },
        { "a node's drivers are known", ChangeKinds.CsiNodeAdded, null, null, "Binding Limits" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void What_is_worth_another_look(string because, object kind, object? old, object? now, string expected)
    {
        Assert.NotEmpty(because);
        var pod = Some.Pod("p", with: p => p.Spec.Volumes =
        [
            Uses("data").Pod.Spec.Volumes[0], new V1Volume { Name = "e", Ephemeral = new V1EphemeralVolumeSource() }, WithDisk("d", "default").Pod.Spec.Volumes[0],
        ]);
        IFilterPlugin[] rules = [new VolumeBinding(Storage, null!, TimeProvider.System, new VolumePromises()), new VolumeZone(Storage), new NodeVolumeLimits(Storage), new VolumeRestrictions(Storage)];
        Assert.Equal(expected, string.Join(' ', rules.Where(r => (r.MayHelp & (ChangeKinds)kind) != 0 && r.Helps(pod, new((ChangeKinds)kind, old, now))).Select(r => r.Name.Replace("NodeVolume", "").Replace("Volume", ""))));
    }

    private static V1PersistentVolumeClaim Named(string name, string ns = "default") => new() { Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = ns } };

    private static V1StorageClass InZone(string zone) =>
        new() { AllowedTopologies = [new V1TopologySelectorTerm { MatchLabelExpressions = [new V1TopologySelectorLabelRequirement { Key = "zone", Values = [zone] }] }] };

    private static V1PersistentVolume Labelled(string zone) => new() { Metadata = new V1ObjectMeta { Labels = Some.Labels(("topology.kubernetes.io/zone", zone)) } };

    private static PodInfo WithDisk(string name, string ns) =>
        Some.Pod(name, ns: ns, with: p => p.Spec.Volumes = [new V1Volume { Name = "d", GcePersistentDisk = new V1GCEPersistentDiskVolumeSource { PdName = "d" } }]);

    private static PodInfo Uses(string claim, string name = "p") =>
        Some.Pod(name, with: p => p.Spec.Volumes = [new V1Volume { Name = "v", PersistentVolumeClaim = new V1PersistentVolumeClaimVolumeSource { ClaimName = claim } }]);

    private void Class(string name, string provisioner) =>
        _informers.Of(Resources.StorageClasses).Set(new V1StorageClass { Metadata = new V1ObjectMeta { Name = name }, Provisioner = provisioner, VolumeBindingMode = "WaitForFirstConsumer" });

    private V1PersistentVolumeClaim Claim(string? volume, Action<V1PersistentVolumeClaim>? with = null)
    {
        var claim = new V1PersistentVolumeClaim
        {
            Metadata = new V1ObjectMeta { Name = "data", NamespaceProperty = "default", Uid = "claim", Annotations = volume is null ? null : Some.Labels(("pv.kubernetes.io/bind-completed", "yes")) },
            Spec = new V1PersistentVolumeClaimSpec { VolumeName = volume, AccessModes = ["ReadWriteOnce"], Resources = new V1VolumeResourceRequirements { Requests = Some.Amounts(("storage", "5Gi")) } },
        };
        with?.Invoke(claim);
        _informers.Of(Resources.PersistentVolumeClaims).Set(claim);
        return claim;
    }

    private V1PersistentVolume Volume(string name, string size = "5Gi", string? zone = null, Action<V1PersistentVolume>? with = null)
    {
        var volume = new V1PersistentVolume
        {
            Metadata = new V1ObjectMeta { Name = name },
            Spec = new V1PersistentVolumeSpec { Capacity = Some.Amounts(("storage", size)), AccessModes = ["ReadWriteOnce"], StorageClassName = "local" },
            Status = new V1PersistentVolumeStatus { Phase = "Available" },
        };
        if (zone is not null)
            volume.Spec.NodeAffinity = new V1VolumeNodeAffinity
            {
                Required = new V1NodeSelector { NodeSelectorTerms = [new V1NodeSelectorTerm { MatchExpressions = [new V1NodeSelectorRequirement { Key = "zone", OperatorProperty = "In", Values = [zone] }] }] },
            };
        with?.Invoke(volume);
        _informers.Of(Resources.PersistentVolumes).Set(volume);
        return volume;
    }
}
