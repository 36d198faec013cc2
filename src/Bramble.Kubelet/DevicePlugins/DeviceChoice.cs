namespace Bramble.Kubelet.DevicePlugins;

/// <summary>Which devices a container gets: those that an init container before it had, then those that the plugin prefers, then any. Pure.</summary>
internal sealed class DeviceChoice
{
    private readonly int _count;

    /// <exception cref="DevicePluginException">There are not enough.</exception>
    public DeviceChoice(string resource, int count, IReadOnlyCollection<string> healthy, IReadOnlySet<string> inUse, IReadOnlySet<string> reusable)
    {
        _count = count;
        Reused = [.. reusable.Order(StringComparer.Ordinal).Take(count)];
        Available = [.. healthy.Where(d => !inUse.Contains(d))];
        var needed = count - Reused.Count;
        if (Available.Count < needed) throw new DevicePluginException($"requested number of devices unavailable for {resource}. Requested: {needed}, Available: {Available.Count}");
    }

    public IReadOnlyList<string> Reused { get; }
    public IReadOnlyList<string> Available { get; }

    /// <summary>Whether there is anything to prefer.</summary>
    public bool IsOpen => Reused.Count < _count && Available.Count > _count - Reused.Count;

    public IReadOnlyList<string> Decide(IReadOnlyCollection<string> preferred) =>
        [.. Reused.Concat(preferred.Where(d => Available.Contains(d))).Concat(Available).Distinct().Take(_count)];
}
