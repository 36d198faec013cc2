using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.VolumeAttachments;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.VolumeAttachments;

public sealed class AttachmentTests
{
    private static readonly WantedVolume Volume = new("v", "d", "h", false, [("ns", "p")]);
    private static readonly string Name = Volume.AttachmentOn("n");
    private static readonly AttachingNode Node = new("n", true, false, new HashSet<string>());
    private static readonly AttachingNode Mounted = Node with { InUse = new HashSet<string> { "kubernetes.io/csi/d^h" } };
    private static readonly KnownAttachment Here = new(Name, "n", "v", "kubernetes.io/csi/d^h", true, false, null, TimeSpan.Zero, TimeSpan.Zero);
    private static readonly KnownAttachment There = Here with { Name = Volume.AttachmentOn("m"), Node = "m" };
    private static AttachAction Told(string message) => new AttachAction.Tell(Volume, message);

    public static TheoryData<string, object, object[], object[], object[], string, object[]> Cases => new()
    {
        { "wanted and not there", Node, [Volume], [], [], "", [new AttachAction.Attach(Volume)] },
        { "wanted and there", Node, [Volume], [Here], [], "", [Told("AttachVolume.Attach succeeded for volume \"v\" ")] },
        { "the attacher is at it", Node, [Volume], [Here with { IsAttached = false, Age = TimeSpan.FromSeconds(90) }], [], "", [new AttachAction.LookAgain(TimeSpan.FromSeconds(30))] },
        { "the attacher failed", Node, [Volume], [Here with { IsAttached = false, Error = "no such disk" }], [], "", [Told("AttachVolume.Attach failed for volume \"v\" : no such disk")] },
        { "no attacher", Node, [Volume], [Here with { IsAttached = false, Age = TimeSpan.FromMinutes(2) }], [], "",
            [Told("AttachVolume.Attach failed for volume \"v\" : timed out waiting for external-attacher of d CSI driver to attach volume h")] },
        { "wanted again while it leaves", Node, [Volume], [Here with { IsGoing = true }], [], "", [Told("AttachVolume.Attach failed for volume \"v\" : volume attachment is being deleted")] },
        { "on another node, in nobody's use", Node, [Volume], [], [There], "", [Told("Multi-Attach error for volume \"v\" Volume is already exclusively attached to one node and can't be attached to another")] },
        { "on another node, in use there", Node, [Volume], [], [There], "ns/q", [Told("Multi-Attach error for volume \"v\" Volume is already used by pod(s) q")] },
        { "on another node, in use by others too", Node, [Volume], [], [There], "ns/q,x/y", [Told("Multi-Attach error for volume \"v\" Volume is already used by pod(s) q and 1 pod(s) in different namespaces")] },
        { "on another node, in use by others only", Node, [Volume], [], [There], "x/y", [Told("Multi-Attach error for volume \"v\" Volume is already used by 1 pod(s) in different namespaces")] },
        { "on another node, and may be", Node, [Volume with { IsShared = true }], [], [There], "ns/q", [new AttachAction.Attach(Volume with { IsShared = true })] },
        { "not wanted and not mounted", Node, [], [Here], [], "", [new AttachAction.Detach(Name)] },
        { "not wanted and still mounted", Mounted, [], [Here], [], "", [] },
        { "not wanted and on its way", Node, [], [Here with { IsGoing = true }], [], "", [] },
        { "still mounted on a node that does not answer", Mounted with { IsReady = false }, [], [Here with { UndesiredFor = TimeSpan.FromMinutes(1) }], [], "", [new AttachAction.LookAgain(TimeSpan.FromMinutes(5))] },
        { "so for six minutes", Mounted with { IsReady = false }, [], [Here with { UndesiredFor = TimeSpan.FromMinutes(6) }], [], "", [new AttachAction.Detach(Name)] },
        { "nor then, when it is not to be forced", Mounted with { IsReady = false, IsForced = false }, [], [Here with { UndesiredFor = TimeSpan.FromDays(1) }], [], "", [] },
        { "still mounted on a node that is out of service", Mounted with { IsReady = false, IsOutOfService = true }, [], [Here], [], "", [new AttachAction.Detach(Name)] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decide(string because, object node, object[] wanted, object[] here, object[] elsewhere, string users, object[] expected)
    {
        Assert.NotEmpty(because);
        var others = users.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(u => u.Split('/')).Select(u => (u[0], u[1])).ToList();
        var actions = AttachmentPlan.Decide((AttachingNode)node, [.. wanted.Cast<WantedVolume>()], [.. here.Cast<KnownAttachment>()], [.. elsewhere.Cast<KnownAttachment>()], (_, on) => on == "m" ? others : [("ns", "waits too")]);
        Assert.Equal(expected.Select(Shown), actions.Select(Shown));
    }

    [Fact]
    public void Attachments_that_others_made_are_known_by_their_names()
    {
        Assert.True(WantedVolume.IsOurs(Name));
        Assert.False(WantedVolume.IsOurs("csi-by-hand"));
        Assert.False(WantedVolume.IsOurs(Name.Replace("csi-", "abc-", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task From_the_Pod_to_the_attachment_and_back()
    {
        await using var scenario = await AttachedAsync(t => t["status"] = new JsonObject { ["attached"] = true });
        var made = (await scenario.FindAsync(Resources.VolumeAttachments, Name))!;
        Assert.Equal("""{"attacher":"d","nodeName":"n","source":{"persistentVolumeName":"v"}}""", made["spec"]!.ToJsonString());
        await EventuallyAsync(async () => (string?)(await scenario.FindAsync(Resources.Nodes, "n"))!["status"]!["volumesAttached"]?[0]?["name"] == "kubernetes.io/csi/d^h");
        await EventuallyAsync(async () => (await scenario.EventsAsync("p")).SequenceEqual(["SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume \"v\" "]));

        // The Pod has ended but the kubelet has it mounted still; then not any longer.
        await scenario.Api.ChangeAsync(Resources.Nodes, new NamespacedName("", "n"), t => t["status"]!["volumesInUse"] = new JsonArray("kubernetes.io/csi/d^h"));
        await scenario.Api.ChangeAsync(Resources.Pods, new NamespacedName("ns", "p"), t => t["status"]!["phase"] = "Succeeded");
        await scenario.Api.ChangeAsync(Resources.Nodes, new NamespacedName("", "n"), t => t["status"]!.AsObject().Remove("volumesInUse"));
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.VolumeAttachments, Name) is null);
        Assert.Null((await scenario.FindAsync(Resources.Nodes, "n"))!["status"]!["volumesAttached"]);
    }

    [Fact]
    public async Task Of_a_volume_that_is_gone_only_what_was_attached_from_here_is_detached()
    {
        await using var scenario = Start("attachdetach-controller");
        foreach (var name in (string[])["foreign", Name])
            await scenario.CreateAsync(Resources.VolumeAttachments, "{\"metadata\":{\"name\":\"" + name + "\"},\"spec\":{\"attacher\":\"d\",\"nodeName\":\"n\",\"source\":{\"persistentVolumeName\":\"gone\"}}}");
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.VolumeAttachments, Name) is null);
        Assert.NotNull(await scenario.FindAsync(Resources.VolumeAttachments, "foreign"));
    }

    [Fact]
    public async Task A_driver_without_attaching_gets_no_attachment()
    {
        await using var scenario = Start("attachdetach-controller");
        await scenario.CreateAsync(Resources.CSIDrivers, """{"metadata":{"name":"d"},"spec":{"attachRequired":false}}""");
        await scenario.CreateAsync(Resources.Nodes, """{"metadata":{"name":"n","annotations":{"volumes.kubernetes.io/controller-managed-attach-detach":"true"}},"spec":{}}""");
        foreach (var (driver, volume) in ((string, string)[])[("d", "v"), ("e", "w")])
        {
            var claim = await scenario.CreateAsync(Resources.PersistentVolumeClaims, "{\"metadata\":{\"name\":\"" + volume + "\",\"namespace\":\"ns\"},\"spec\":{\"volumeName\":\"" + volume + "\"},\"status\":{\"phase\":\"Bound\"}}");
            await scenario.CreateAsync(Resources.PersistentVolumes, "{\"metadata\":{\"name\":\"" + volume + "\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"csi\":{\"driver\":\"" + driver + "\",\"volumeHandle\":\"h\"},\"claimRef\":{\"uid\":\"" + claim.Uid + "\"}}}");
        }
        await scenario.CreateAsync(Resources.Pods, """{"metadata":{"name":"p","namespace":"ns"},"spec":{"nodeName":"n","containers":[],"volumes":[{"name":"a","persistentVolumeClaim":{"claimName":"v"}},{"name":"b","persistentVolumeClaim":{"claimName":"w"}}]}}""");
        await EventuallyAsync(async () => (await scenario.Api.ListAsync(Resources.VolumeAttachments, new ListQuery(), default)).Items.Count > 0);
        Assert.Equal("e", (string?)Assert.Single((await scenario.Api.ListAsync(Resources.VolumeAttachments, new ListQuery(), default)).Items).ToTree()["spec"]!["attacher"]);
    }

    [Fact]
    public void A_failure_that_stays_is_told_at_longer_and_longer_distances() =>
        Assert.Equal([0.5, 1, 2, 4, 8, 16, 32, 64, 122, 122], Enumerable.Range(1, 10).Select(times => AttachmentPlan.TellAgain(times).TotalSeconds));

    [Fact]
    public async Task What_fails_is_told_again()
    {
        await using var scenario = await AttachedAsync(t => t["status"] = new JsonObject { ["attachError"] = new JsonObject { ["message"] = "no such disk" } });
        await EventuallyAsync(async () => (await scenario.EventsAsync("p")).SequenceEqual(["FailedAttachVolume: AttachVolume.Attach failed for volume \"v\" : no such disk"]));
        await scenario.Time.UntilAsync(1, async () => (await scenario.Api.ListModelsAsync(Resources.Events, new ListQuery(), default)).Single(e => e.InvolvedObject.Name == "p").Count >= 4);
    }

    [Fact]
    public async Task A_driver_that_does_nothing_has_two_minutes_by_any_clock()
    {
        await using var scenario = await AttachedAsync(_ => { });
        scenario.Time.Offset = TimeSpan.FromDays(30);
        await scenario.Api.ChangeAsync(Resources.VolumeAttachments, new NamespacedName("", Name), t => t["metadata"]!["labels"] = new JsonObject { ["touched"] = "true" });
        var waited = await scenario.Time.UntilAsync(10, async () => (await scenario.EventsAsync("p")).Count > 0);
        Assert.Equal(["FailedAttachVolume: AttachVolume.Attach failed for volume \"v\" : timed out waiting for external-attacher of d CSI driver to attach volume h"], await scenario.EventsAsync("p"));
        Assert.InRange(waited, TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10));
    }

    [Fact]
    public async Task A_node_that_is_gone_may_have_it_mounted_for_six_minutes()
    {
        await using var scenario = await AttachedAsync(t => t["status"] = new JsonObject { ["attached"] = true });
        await scenario.Api.ChangeAsync(Resources.Nodes, new NamespacedName("", "n"), t => t["status"]!["volumesInUse"] = new JsonArray("kubernetes.io/csi/d^h"));
        // That others have waited for it for long makes the six minutes no shorter.
        await scenario.CreateAsync(Resources.Nodes, """{"metadata":{"name":"m","annotations":{"volumes.kubernetes.io/controller-managed-attach-detach":"true"}},"spec":{},"status":{"conditions":[{"type":"Ready","status":"True"}]}}""");
        await scenario.CreateAsync(Resources.Pods, """{"metadata":{"name":"q","namespace":"ns"},"spec":{"nodeName":"m","containers":[],"volumes":[{"name":"a","persistentVolumeClaim":{"claimName":"c"}}]},"status":{"phase":"Pending"}}""");
        await EventuallyAsync(async () => (await scenario.EventsAsync("q")).SequenceEqual(["FailedAttachVolume: Multi-Attach error for volume \"v\" Volume is already used by pod(s) p"]));
        scenario.Time.Advance(AttachmentPlan.UnmountMax * 2);
        await scenario.Api.DeleteAsync(Resources.Nodes, new NamespacedName("", "n"), new DeleteQuery(), default);
        var steps = 0;
        var stayed = await scenario.Time.UntilAsync(20, () => Task.FromResult(steps++ == 6));
        // Nor does a clock that is set meanwhile.
        scenario.Time.Offset = TimeSpan.FromDays(30);
        await scenario.Api.DeleteAsync(Resources.Pods, new NamespacedName("ns", "p"), new DeleteQuery(), default);
        stayed += await scenario.Time.UntilAsync(20, async () => await scenario.FindAsync(Resources.VolumeAttachments, Name) is null);
        Assert.InRange(stayed, AttachmentPlan.UnmountMax, AttachmentPlan.UnmountMax * 3);
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.VolumeAttachments, Volume.AttachmentOn("m")) is not null);
    }

    [Fact]
    public async Task Of_a_node_that_was_gone_before_nothing_is_known()
    {
        await using var scenario = Start("attachdetach-controller");
        await scenario.CreateAsync(Resources.PersistentVolumes, """{"metadata":{"name":"v"},"spec":{"csi":{"driver":"d","volumeHandle":"h"}}}""");
        await scenario.CreateAsync(Resources.VolumeAttachments, "{\"metadata\":{\"name\":\"" + Name + "\"},\"spec\":{\"attacher\":\"d\",\"nodeName\":\"n\",\"source\":{\"persistentVolumeName\":\"v\"}},\"status\":{\"attached\":true}}");
        var stayed = await scenario.Time.UntilAsync(20, async () => await scenario.FindAsync(Resources.VolumeAttachments, Name) is null);
        Assert.InRange(stayed, AttachmentPlan.UnmountMax, AttachmentPlan.UnmountMax * 3);
    }

    private static async Task<ControllerScenario> AttachedAsync(Action<JsonObject> change)
    {
        var scenario = Start("attachdetach-controller");
        scenario.Api.Clock = scenario.Time;
        await scenario.CreateAsync(Resources.Nodes, """{"metadata":{"name":"n","annotations":{"volumes.kubernetes.io/controller-managed-attach-detach":"true"}},"spec":{},"status":{"conditions":[{"type":"Ready","status":"True"}]}}""");
        var claim = await scenario.CreateAsync(Resources.PersistentVolumeClaims, """{"metadata":{"name":"c","namespace":"ns"},"spec":{"volumeName":"v"},"status":{"phase":"Bound"}}""");
        await scenario.CreateAsync(Resources.PersistentVolumes, "{\"metadata\":{\"name\":\"v\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"csi\":{\"driver\":\"d\",\"volumeHandle\":\"h\"},\"claimRef\":{\"uid\":\"" + claim.Uid + "\"}}}");
        await scenario.CreateAsync(Resources.Pods, """{"metadata":{"name":"p","namespace":"ns"},"spec":{"nodeName":"n","containers":[],"volumes":[{"name":"a","persistentVolumeClaim":{"claimName":"c"}}]},"status":{"phase":"Pending"}}""");
        await EventuallyAsync(async () => await scenario.FindAsync(Resources.VolumeAttachments, Name) is not null);
        await scenario.Api.ChangeAsync(Resources.VolumeAttachments, new NamespacedName("", Name), change);
        return scenario;
    }

    private static string Shown(object action) => action switch
    {
        AttachAction.Tell(var volume, var message) => $"tell {string.Join(',', volume.Pods)}: {message}",
        AttachAction.Attach(var volume) => $"attach {volume.Volume}",
        _ => action.ToString()!,
    };
}
