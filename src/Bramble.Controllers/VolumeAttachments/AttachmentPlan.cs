using System.Security.Cryptography;
using System.Text;

namespace Bramble.Controllers.VolumeAttachments;

/// <summary>A driver's volume that Pods of a node use.</summary>
/// <param name="IsShared">It may be on several nodes at once.</param>
/// <param name="Pods">As namespace and name, for messages.</param>
internal sealed record WantedVolume(string Volume, string Driver, string Handle, bool IsShared, IReadOnlyList<(string Namespace, string Name)> Pods)
{
    /// <summary>As the node's status names it.</summary>
    public string UniqueName => $"kubernetes.io/csi/{Driver}^{Handle}";

    /// <summary>The VolumeAttachment's name, known before it is made: two servers make one.</summary>
    public string AttachmentOn(string node) => $"csi-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Handle}{Driver}{node}")))}";

    /// <summary>A name made so. Attachments of other names are other people's, as upstream only ever deletes names that it has computed.</summary>
    public static bool IsOurs(string attachment) =>
        attachment.StartsWith("csi-", StringComparison.Ordinal) && attachment.Length == 4 + (2 * SHA256.HashSizeInBytes) && attachment.AsSpan(4).IndexOfAnyExcept("0123456789abcdef") < 0;
}

/// <summary>A VolumeAttachment.</summary>
/// <param name="Error">What the driver's attacher says went wrong.</param>
/// <param name="UndesiredFor">How long nobody on the node has wanted it; zero: it is wanted, or has just been let go.</param>
internal sealed record KnownAttachment(string Name, string Node, string Volume, string UniqueName, bool IsAttached, bool IsGoing, string? Error, TimeSpan Age, TimeSpan UndesiredFor);

/// <summary>The node as far as it matters here.</summary>
/// <param name="InUse">What its kubelet says it still has mounted, by unique name.</param>
/// <param name="IsForced">What it may still have mounted leaves after <see cref="AttachmentPlan.UnmountMax"/>, if it does not answer.</param>
internal sealed record AttachingNode(string Name, bool IsReady, bool IsOutOfService, IReadOnlySet<string> InUse, bool IsForced = true);

/// <summary>What is to be done for one volume of a node.</summary>
internal abstract record AttachAction
{
    private AttachAction() { }

    public sealed record Attach(WantedVolume Volume) : AttachAction;

    public sealed record Detach(string Name) : AttachAction;

    /// <summary>Its Pods are told, once for each message; that it could not be attached, again and again.</summary>
    public sealed record Tell(WantedVolume Volume, string Message) : AttachAction
    {
        /// <summary>How long an attempt takes that ends so.</summary>
        public TimeSpan Attempt { get; init; }
    }

    public sealed record LookAgain(TimeSpan Delay) : AttachAction;
}

/// <summary>Which volumes of drivers are to be attached to a node and which are to leave it. Pure. Source: behaviour of upstream's attachdetach controller and
/// of its CSI plugin; messages to the byte.</summary>
/// <remarks>The VolumeAttachments are the state: what was being done when a server stopped is found again in them.</remarks>
internal static class AttachmentPlan
{
    /// <summary>So long a node that does not answer may still have a volume mounted.</summary>
    public static readonly TimeSpan UnmountMax = TimeSpan.FromMinutes(6);

    /// <summary>How long a driver's attacher may take before its Pods hear of it.</summary>
    private static readonly TimeSpan AttachMax = TimeSpan.FromMinutes(2);

    /// <summary>After how long a failure that stays is told again: upstream tries anew with this back-off.</summary>
    public static TimeSpan TellAgain(int times) => times > 8 ? AttachMax + TimeSpan.FromSeconds(2) : TimeSpan.FromMilliseconds(500 << (times - 1));

    public static string FailedText(WantedVolume volume) => $"AttachVolume.Attach failed for volume \"{volume.Volume}\" : ";

    /// <param name="here">The node's attachments.</param>
    /// <param name="elsewhere">Those of the wanted volumes on other nodes.</param>
    /// <param name="usersOn">The Pods on a node that want a volume.</param>
    public static IReadOnlyList<AttachAction> Decide(AttachingNode node, IReadOnlyList<WantedVolume> wanted, IReadOnlyList<KnownAttachment> here,
        IReadOnlyList<KnownAttachment> elsewhere, Func<string, string, IReadOnlyList<(string Namespace, string Name)>> usersOn)
    {
        List<AttachAction> actions = [];
        foreach (var attachment in here)
            if (!attachment.IsGoing && wanted.All(w => w.AttachmentOn(node.Name) != attachment.Name) && Leave(node, attachment) is { } leaving) actions.Add(leaving);
        foreach (var volume in wanted)
        {
            var attachment = here.FirstOrDefault(a => a.Name == volume.AttachmentOn(node.Name));
            if (attachment is null)
            {
                // Who waits for it on a third node does not hold it.
                var holders = volume.IsShared ? [] : elsewhere.Where(a => a.Volume == volume.Volume).Select(a => a.Node).ToList();
                if (holders.Count > 0) actions.AddRange(TakenElsewhere(volume, [.. holders.SelectMany(holder => usersOn(volume.Volume, holder))]));
                else actions.Add(new AttachAction.Attach(volume));
            }
            else if (attachment.IsGoing)
            {
                actions.Add(Failed(volume, "volume attachment is being deleted"));
            }
            else if (attachment.IsAttached)
            {
                actions.Add(new AttachAction.Tell(volume, $"AttachVolume.Attach succeeded for volume \"{volume.Volume}\" "));
            }
            else if (attachment.Error is { } error)
            {
                actions.Add(Failed(volume, error));
            }
            else if (attachment.Age < AttachMax)
            {
                actions.Add(new AttachAction.LookAgain(AttachMax - attachment.Age));
            }
            else
            {
                actions.Add(Failed(volume, $"timed out waiting for external-attacher of {volume.Driver} CSI driver to attach volume {volume.Handle}") with { Attempt = AttachMax });
            }
        }
        return actions;
    }

    /// <summary>What the node's status says is attached: what is there and is to stay. Sorted, so that nothing is written for an order.</summary>
    public static IReadOnlyList<string> Reported(AttachingNode node, IReadOnlyList<KnownAttachment> here, IReadOnlyList<AttachAction> actions) =>
        [.. here.Where(a => a.IsAttached && !a.IsGoing && !actions.Contains(new AttachAction.Detach(a.Name))).Select(a => a.UniqueName).Order(StringComparer.Ordinal)];

    /// <summary>Nobody wants it: it leaves when the kubelet has it no longer mounted. A node that is lost for good is not waited for.</summary>
    private static AttachAction? Leave(AttachingNode node, KnownAttachment attachment)
    {
        if (!node.InUse.Contains(attachment.UniqueName) || node.IsOutOfService) return new AttachAction.Detach(attachment.Name);
        if (node.IsReady || !node.IsForced) return null;      // its kubelet will say
        return attachment.UndesiredFor >= UnmountMax ? new AttachAction.Detach(attachment.Name) : new AttachAction.LookAgain(UnmountMax - attachment.UndesiredFor);
    }

    /// <summary>Names only of Pods that who reads it may see.</summary>
    private static IEnumerable<AttachAction> TakenElsewhere(WantedVolume volume, IReadOnlyList<(string Namespace, string Name)> users)
    {
        foreach (var pod in volume.Pods)
        {
            var own = users.Where(u => u.Namespace == pod.Namespace).Select(u => u.Name).ToList();
            var others = users.Count - own.Count;
            var why = (own.Count, others) switch
            {
                (0, 0) => "Volume is already exclusively attached to one node and can't be attached to another",
                (0, _) => $"Volume is already used by {others} pod(s) in different namespaces",
                (_, 0) => $"Volume is already used by pod(s) {string.Join(", ", own)}",
                _ => $"Volume is already used by pod(s) {string.Join(", ", own)} and {others} pod(s) in different namespaces",
            };
            yield return new AttachAction.Tell(volume with { Pods = [pod] }, $"Multi-Attach error for volume \"{volume.Volume}\" {why}");
        }
    }

    private static AttachAction.Tell Failed(WantedVolume volume, string why) => new(volume, FailedText(volume) + why);
}
