using System.Text;
using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.PersistentVolumes;
using k8s.Models;

namespace Bramble.Controllers.Tests.PersistentVolumes;

/// <summary>What is done next for claims and volumes, and what is written of a binding.</summary>
public sealed class BindingTests
{
    private const string Ask = ",\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}";
    private const string Waiting = "ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'd' or manually by the system administrator. "
        + "If volume creation is delayed, please verify that the provisioner is running and correctly registered.";

    [Theory]
    [InlineData("", null)]
    [InlineData("\"claimRef\":{\"namespace\":\"d\",\"name\":\"c\"}", "d/c")]
    [InlineData("\"claimRef\":{\"name\":\"c\",\"uid\":\"u\"}", null)]
    [InlineData("\"claimRef\":{\"namespace\":\"d\",\"uid\":\"u\"}", null)]
    [InlineData("\"claimRef\":{\"namespace\":\"\",\"name\":\"\"}", null)]
    public void Half_a_name_of_a_claim_is_none(string spec, string? claim) =>
        Assert.Equal(claim, Binding.ClaimOf(Some.Model<V1PersistentVolume>("{\"metadata\":{\"name\":\"v\"},\"spec\":{" + spec + "}}"))?.ToString());

    /// <param name="annotations">Of the claim.</param>
    /// <param name="storageClass">What it says of its class; null: nothing.</param>
    /// <param name="volumes">Name and class of each that is free.</param>
    /// <param name="defaults">The classes that are the default, each younger than the one before.</param>
    /// <param name="pods">Its Pods' names; with an exclamation mark: has a node; with a minus sign: has ended.</param>
    [Theory]
    [InlineData("a volume suits", "", "now", "v now", "", "", "bind v")]
    [InlineData("a volume without a class suits a claim without one", "", "", "v ", "", "", "bind v")]
    [InlineData("a volume of another class does not", "", "now", "v wait", "", "", "provision d: " + Waiting)]
    [InlineData("the scheduler is to choose", "", "wait", "v wait", "", "", "wait: WaitForFirstConsumer: waiting for first consumer to be created before binding")]
    [InlineData("a Pod that has no node is waited for", "", "wait", "", "", "p", "wait: WaitForPodScheduled: waiting for pod p to be scheduled")]
    [InlineData("several Pods", "", "wait", "", "", "q p", "wait: WaitForPodScheduled: waiting for pods p,q to be scheduled")]
    [InlineData("Pods that have a node, or have ended, are not waited for", "", "wait", "", "", "!p -q", "wait: WaitForFirstConsumer: waiting for first consumer to be created before binding")]
    [InlineData("the scheduler has chosen", "\"volume.kubernetes.io/selected-node\":\"n\"", "wait", "", "", "p", "provision d: " + Waiting)]
    [InlineData("it says who makes it already", "\"volume.kubernetes.io/storage-provisioner\":\"d\"", "now", "", "", "", "provision: " + Waiting)]
    [InlineData("it says that another makes it", "\"volume.kubernetes.io/storage-provisioner\":\"e\"", "now", "", "", "", "provision d: " + Waiting)]
    [InlineData("its class is not there", "", "gone", "", "", "", "provision: !ProvisioningFailed: storageclass.storage.k8s.io \"gone\" not found")]
    [InlineData("its class is not there, a volume of that class is", "", "gone", "v gone", "", "", "bind v")]
    [InlineData("nobody makes volumes of its class", "", "hand", "", "", "", "provision: !ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner")]
    [InlineData("no class, and no default", "", null, "", "", "", "wait: FailedBinding: no persistent volumes available for this claim and no storage class is set")]
    [InlineData("no class wanted", "", "", "", "now", "", "wait: FailedBinding: no persistent volumes available for this claim and no storage class is set")]
    [InlineData("no class, and a default that came later", "", null, "", "now", "", "default now")]
    [InlineData("of several defaults the youngest", "", null, "", "now wait", "", "default wait")]
    [InlineData("a volume before the default", "", null, "v ", "now", "", "bind v")]
    [InlineData("the old annotation is a class too", "\"volume.beta.kubernetes.io/storage-class\":\"now\"", null, "", "wait", "", "provision d: " + Waiting)]
    [InlineData("the old annotation may say none", "\"volume.beta.kubernetes.io/storage-class\":\"\"", null, "", "wait", "", "wait: FailedBinding: no persistent volumes available for this claim and no storage class is set")]
    public void A_claim_that_takes_any_volume(string because, string annotations, string? storageClass, string volumes, string defaults, string pods, string expected)
    {
        Assert.NotEmpty(because);
        var claim = Object("{\"metadata\":{\"name\":\"c\",\"namespace\":\"d\",\"uid\":\"u\",\"annotations\":{" + annotations + "}},\"spec\":{\"volumeName\":\"\"" + Ask + (storageClass is null ? "" : $",\"storageClassName\":\"{storageClass}\"") + "}}");
        var age = 0;
        var classes = ((string Name, string Provisioner, string Mode)[])[("now", "d", "Immediate"), ("wait", "d", "WaitForFirstConsumer"), ("hand", "kubernetes.io/no-provisioner", "Immediate")];
        Assert.Equal(expected, Text(ClaimStep.OfUnnamed(
            claim.Model<V1PersistentVolumeClaim>(), claim.ToTree(),
            [.. volumes.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(v => Some.Model<V1PersistentVolume>(Volume(v.Split(' ')[0], v.Split(' ')[1])))],
            [.. classes.Select(c => Some.Model<V1StorageClass>($$$"""
                {"metadata":{"name":"{{{c.Name}}}","creationTimestamp":"2024-01-01T12:00:0{{{age++}}}Z","annotations":{"storageclass.kubernetes.io/is-default-class":"{{{(defaults.Split(' ').Contains(c.Name) ? "true" : "false")}}}"} },
                 "provisioner":"{{{c.Provisioner}}}","volumeBindingMode":"{{{c.Mode}}}"}
                """))],
            pods.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(p => Some.Pod(p.TrimStart('!', '-'), p[0] == '-' ? "Succeeded" : "Pending", node: p[0] == '!' ? "n" : null)))));
    }

    /// <param name="claimRef">Of the volume; null: there is no such volume.</param>
    [Theory]
    [InlineData("a volume that is not there yet", "", null, "wait")]
    [InlineData("free", "", "", "bind v")]
    [InlineData("free, and too small", "", "small", "wait: !VolumeMismatch: Cannot bind to requested volume \"v\": requested PV is too small")]
    [InlineData("reserved for it by name", "", """{"namespace":"d","name":"c"}""", "bind v")]
    [InlineData("its own already", "", """{"namespace":"d","name":"c","uid":"u"}""", "bind v")]
    [InlineData("an earlier claim's of its name", "", """{"namespace":"d","name":"c","uid":"older"}""", "wait: !FailedBinding: volume \"v\" already bound to a different claim.")]
    [InlineData("another's", "", """{"namespace":"d","name":"x","uid":"x"}""", "wait: !FailedBinding: volume \"v\" already bound to a different claim.")]
    [InlineData("another's, and once ours to bind", "\"pv.kubernetes.io/bound-by-controller\":\"yes\"", """{"namespace":"d","name":"x","uid":"x"}""",
        "wait, not pending: !FailedBinding: volume \"v\" already bound to a different claim.")]
    public void A_claim_that_has_asked_for_one_volume(string because, string annotations, string? claimRef, string expected)
    {
        Assert.NotEmpty(because);
        var claim = Some.Model<V1PersistentVolumeClaim>("{\"metadata\":{\"name\":\"c\",\"namespace\":\"d\",\"uid\":\"u\",\"annotations\":{" + annotations + "}},\"spec\":{\"volumeName\":\"v\"" + Ask + "}}");
        var volume = claimRef is null ? null : Some.Model<V1PersistentVolume>(claimRef == "small" ? Volume("v", "").Replace("2Gi", "1Mi") : Volume("v", "", claimRef));
        Assert.Equal(expected, Text(ClaimStep.OfNamed(claim, volume)));
    }

    [Theory]
    [InlineData("its own", "v", "Bound", """{"namespace":"d","name":"c","uid":"u"}""", "bind v")]
    [InlineData("somebody has freed its volume", "v", "Bound", "", "bind v")]
    [InlineData("it names none any more", "", "Bound", null, "lose: !ClaimLost: Bound claim has lost reference to PersistentVolume. Data on the volume is lost!")]
    [InlineData("its volume is gone", "v", "Bound", null, "lose: !ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!")]
    [InlineData("another has its volume", "v", "Bound", """{"namespace":"d","name":"x","uid":"x"}""", "lose: !ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly")]
    [InlineData("an earlier claim of its name has it", "v", "Bound", """{"namespace":"d","name":"c","uid":"older"}""", "lose: !ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly")]
    [InlineData("lost is told once", "v", "Lost", null, "keep")]
    [InlineData("lost, and its volume is there again", "v", "Lost", """{"namespace":"d","name":"c","uid":"u"}""", "bind v")]
    public void A_claim_that_was_bound(string because, string volumeName, string phase, string? claimRef, string expected)
    {
        Assert.NotEmpty(because);
        var claim = Some.Model<V1PersistentVolumeClaim>("{\"metadata\":{\"name\":\"c\",\"namespace\":\"d\",\"uid\":\"u\"},\"spec\":{\"volumeName\":\"" + volumeName + "\"},\"status\":{\"phase\":\"" + phase + "\"}}");
        Assert.Equal(expected, Text(ClaimStep.OfBound(claim, claimRef is null ? null : Some.Model<V1PersistentVolume>(Volume("v", "", claimRef)))));
    }

    /// <param name="claim">Uid and volume of what has the name of its claim; null: nothing has.</param>
    [Theory]
    [InlineData("nobody's", "", null, "Retain", "", "Available")]
    [InlineData("reserved for a claim that has not come", """{"namespace":"d","name":"c"}""", null, "Retain", "", "Available")]
    [InlineData("reserved for a claim that is there: its own look binds it", """{"namespace":"d","name":"c"}""", "u ", "Retain", "", "Available")]
    [InlineData("its claim's", """{"namespace":"d","name":"c","uid":"u"}""", "u v", "Retain", "", "Bound")]
    [InlineData("its claim does not know yet", """{"namespace":"d","name":"c","uid":"u"}""", "u ", "Retain", "", "FinishBinding")]
    [InlineData("its claim wants a device", """{"namespace":"d","name":"c","uid":"u"}""", "u  Block", "Retain", "", "TellMismatch")]
    [InlineData("its claim is gone", """{"namespace":"d","name":"c","uid":"u"}""", null, "Retain", "", "Reclaim")]
    [InlineData("its claim was made anew", """{"namespace":"d","name":"c","uid":"u"}""", "w v", "Delete", "", "Reclaim")]
    [InlineData("its claim went elsewhere", """{"namespace":"d","name":"c","uid":"u"}""", "u x", "Delete", "", "Unbind")]
    [InlineData("made for a claim that went elsewhere", """{"namespace":"d","name":"c","uid":"u"}""", "u x", "Delete", "\"pv.kubernetes.io/provisioned-by\":\"d\"", "Reclaim")]
    [InlineData("made for one, and to be kept", """{"namespace":"d","name":"c","uid":"u"}""", "u x", "Retain", "\"pv.kubernetes.io/provisioned-by\":\"d\"", "Unbind")]
    public void A_volume(string because, string claimRef, string? claim, string policy, string annotations, string expected)
    {
        Assert.NotEmpty(because);
        var parts = claim?.Split(' ');
        var known = parts is null ? null : Some.Model<V1PersistentVolumeClaim>($$$"""
            {"metadata":{"name":"c","namespace":"d","uid":"{{{parts[0]}}}"},"spec":{"volumeName":"{{{parts[1]}}}","volumeMode":"{{{(parts.Length > 2 ? parts[2] : "")}}}"} }
            """);
        var volume = Some.Model<V1PersistentVolume>(Volume("v", "", claimRef, annotations).Replace("\"spec\":{", $"\"spec\":{{\"persistentVolumeReclaimPolicy\":\"{policy}\","));
        Assert.Equal(expected, VolumeSteps.Decide(volume, known).ToString());
    }

    /// <param name="expected">Annotations and claim's uid; null: nothing is written.</param>
    [Theory]
    [InlineData("free", "", """{"pv.kubernetes.io/bound-by-controller":"yes"} u""")]
    [InlineData("reserved by a user", """{"namespace":"d","name":"c"}""", "null u")]
    [InlineData("written already", """{"namespace":"d","name":"c","uid":"u"}""", null)]
    public void What_a_volume_says_of_its_claim(string because, string claimRef, string? expected)
    {
        Assert.NotEmpty(because);
        var volume = Object(Volume("v", "", claimRef));
        var tree = volume.ToTree();
        Assert.Equal(expected is not null, Binding.NoteInVolume(tree, volume.Model<V1PersistentVolume>(), Some.Model<V1PersistentVolumeClaim>("""{"metadata":{"name":"c","namespace":"d","uid":"u","resourceVersion":"7"},"spec":{}}""")));
        if (expected is null)
        {
            Assert.True(JsonNode.DeepEquals(volume.ToTree(), tree));
            return;
        }
        Assert.Equal(expected, $"{tree["metadata"]!["annotations"]?.ToJsonString() ?? "null"} {tree["spec"]!["claimRef"]!["uid"]}");
        Assert.Equal("""{"kind":"PersistentVolumeClaim","namespace":"d","name":"c","uid":"u","apiVersion":"v1","resourceVersion":"7"}""", tree["spec"]!["claimRef"]!.ToJsonString());
    }

    [Theory]
    [InlineData("one that takes any", "", "", """{"pv.kubernetes.io/bound-by-controller":"yes","pv.kubernetes.io/bind-completed":"yes"}""")]
    [InlineData("one that asked for it", "v", "", """{"pv.kubernetes.io/bind-completed":"yes"}""")]
    [InlineData("written already", "v", "\"pv.kubernetes.io/bind-completed\":\"yes\"", null)]
    public void What_a_claim_says_of_its_volume(string because, string volumeName, string annotations, string? expected)
    {
        Assert.NotEmpty(because);
        var claim = Object("{\"metadata\":{\"name\":\"c\"" + (annotations.Length > 0 ? ",\"annotations\":{" + annotations + "}" : "") + "},\"spec\":{\"volumeName\":\"" + volumeName + "\"}}");
        var tree = claim.ToTree();
        Assert.Equal(expected is not null, Binding.NoteInClaim(tree, claim.Model<V1PersistentVolumeClaim>(), Some.Model<V1PersistentVolume>(Volume("v", ""))));
        if (expected is null) return;
        Assert.Equal(expected, tree["metadata"]!["annotations"]!.ToJsonString());
        Assert.Equal("v", (string?)tree["spec"]!["volumeName"]);
    }

    [Theory]
    [InlineData("by the controller", """{"pv.kubernetes.io/bound-by-controller":"yes"}""", "null null")]
    [InlineData("by the controller; what others wrote stays", """{"pv.kubernetes.io/bound-by-controller":"yes","x":"y"}""", """{"x":"y"} null""")]
    [InlineData("by a user", """{"x":"y"}""", """{"x":"y"} {"name":"c"}""")]
    public void What_is_left_of_a_reservation(string because, string annotations, string expected)
    {
        Assert.NotEmpty(because);
        var tree = Some.Tree("{\"metadata\":{\"annotations\":" + annotations + "},\"spec\":{\"claimRef\":{\"name\":\"c\",\"uid\":\"u\"}}}");
        Binding.Undo(tree);
        Assert.Equal(expected, $"{tree["metadata"]!["annotations"]?.ToJsonString() ?? "null"} {tree["spec"]!["claimRef"]?.ToJsonString() ?? "null"}");
    }

    /// <param name="volume">Its annotations and the rest of its spec; null: none.</param>
    [Theory]
    [InlineData("new", "{}", "Pending", null, """{"phase":"Pending"}""")]
    [InlineData("bound", """{"phase":"Pending"}""", "Bound", "|", """{"phase":"Bound","accessModes":["ReadWriteOnce"],"capacity":{"storage":"2Gi"}}""")]
    [InlineData("bound to one that is being grown: the size that is there", """{"phase":"Pending"}""", "Bound", "\"volume.alpha.kubernetes.io/pre-resize-capacity\":\"1Gi\"|",
        """{"phase":"Bound","accessModes":["ReadWriteOnce"],"capacity":{"storage":"1Gi"}}""")]
    [InlineData("a size that is none", """{"phase":"Pending"}""", "Bound", "\"volume.alpha.kubernetes.io/pre-resize-capacity\":\"much\"|", """{"phase":"Bound","accessModes":["ReadWriteOnce"],"capacity":{"storage":"2Gi"}}""")]
    [InlineData("bound already: its size is the resizer's", """{"phase":"Bound","capacity":{"storage":"1Gi"}}""", "Bound", "|", """{"phase":"Bound","capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"]}""")]
    [InlineData("with attributes", """{"phase":"Pending"}""", "Bound", "|,\"volumeAttributesClassName\":\"fast\"",
        """{"phase":"Bound","accessModes":["ReadWriteOnce"],"capacity":{"storage":"2Gi"},"currentVolumeAttributesClassName":"fast"}""")]
    [InlineData("found again: its attributes are the driver's to say", """{"phase":"Lost"}""", "Bound", "|,\"volumeAttributesClassName\":\"fast\"", """{"phase":"Bound","accessModes":["ReadWriteOnce"],"capacity":{"storage":"2Gi"}}""")]
    [InlineData("lost", """{"phase":"Bound","accessModes":["ReadWriteOnce"],"capacity":{"storage":"2Gi"},"currentVolumeAttributesClassName":"fast","conditions":[]}""", "Lost", null, """{"phase":"Lost","conditions":[]}""")]
    public void The_status_of_a_claim(string because, string status, string phase, string? volume, string expected)
    {
        Assert.NotEmpty(because);
        var parts = volume?.Split('|');
        var bound = parts is null ? null : Some.Tree(Volume("v", "", "", parts[0]).Replace("\"accessModes\"", parts[1].Length == 0 ? "\"accessModes\"" : parts[1][1..] + ",\"accessModes\""));
        Assert.Equal(expected, Binding.ClaimStatus(Some.Tree("{\"status\":" + status + "}"), phase, bound).ToJsonString());
    }

    private static KubeObject Object(string json) => KubeObject.Parse(Encoding.UTF8.GetBytes(json));

    private static string Volume(string name, string storageClass, string claimRef = "", string annotations = "") =>
        "{\"metadata\":{\"name\":\"" + name + "\"" + (annotations.Length > 0 ? ",\"annotations\":{" + annotations + "}" : "") + "},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"capacity\":{\"storage\":\"2Gi\"},\"storageClassName\":\"" + storageClass + "\""
            + (claimRef.Length > 0 ? ",\"claimRef\":" + claimRef : "") + "},\"status\":{\"phase\":\"Available\"}}";

    private static string Text(ClaimStep step)
    {
        return step switch
        {
            ClaimStep.Keep => "keep",
            ClaimStep.Bind(var volume) => $"bind {volume.Metadata.Name}",
            ClaimStep.TakeDefault(var name) => $"default {name}",
            ClaimStep.Wait(var news, var isPending) => (isPending ? "wait" : "wait, not pending") + News(news),
            ClaimStep.Provision(var provisioner, var news) => (provisioner is null ? "provision" : $"provision {provisioner}") + News(news),
            ClaimStep.Lose(var news) => "lose" + News(news),
            _ => "?",
        };

        static string News(ClaimNews? news) => news is null ? "" : $": {(news.IsWarning ? "!" : "")}{news.Reason}: {news.Message}";
    }
}
