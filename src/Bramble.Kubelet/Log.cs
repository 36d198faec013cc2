using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet;

/// <summary>What the kubelet tells its operator. Ids 4000 to 4199.</summary>
internal static partial class Log
{
    [LoggerMessage(4000, LogLevel.Warning, "The watch of {Resource} fails: {Why}; it is tried again, pods go on meanwhile.")]
    public static partial void WatchFailed(ILogger logger, string resource, string why);

    [LoggerMessage(4001, LogLevel.Information, "Container runtime {Name} {Version} answers at {Endpoint}.")]
    public static partial void RuntimeFound(ILogger logger, string name, string version, string endpoint);

    [LoggerMessage(4002, LogLevel.Warning, "The container runtime at {Endpoint} does not answer: {Why}. Is containerd running there?")]
    public static partial void RuntimeMissing(ILogger logger, string endpoint, string why);

    [LoggerMessage(4003, LogLevel.Warning, "The runtime's event stream broke: {Why}; pods are looked at again.")]
    public static partial void EventsBroken(ILogger logger, string why);

    [LoggerMessage(4004, LogLevel.Warning, "Pod {Pod} could not be synced: {Why}; tried again in {Wait}.")]
    public static partial void SyncFailed(ILogger logger, string pod, string why, TimeSpan wait);

    [LoggerMessage(4005, LogLevel.Warning, "The status of pod {Pod} could not be written: {Why}; tried again.")]
    public static partial void StatusNotWritten(ILogger logger, string pod, string why);

    [LoggerMessage(4006, LogLevel.Warning, "The node object could not be written: {Why}; tried again.")]
    public static partial void NodeNotWritten(ILogger logger, string why);

    [LoggerMessage(4007, LogLevel.Information, "Pod {Pod}, unknown to the API, is ended.")]
    public static partial void OrphanEnded(ILogger logger, string pod);

    [LoggerMessage(4008, LogLevel.Warning, "What pod {Pod} left behind could not be removed: {Why}; tried again later.")]
    public static partial void CleanupFailed(ILogger logger, string pod, string why);

    [LoggerMessage(4009, LogLevel.Warning, "The pods' cgroups cannot be used fully: {Why}. Limits of pods may not be enforced.")]
    public static partial void CgroupsLimited(ILogger logger, string why);

    [LoggerMessage(4010, LogLevel.Warning, "Static pod manifest {File} is not used: {Why}.")]
    public static partial void StaticPodBad(ILogger logger, string file, string why);

    [LoggerMessage(4011, LogLevel.Information, "Node {Node} registered.")]
    public static partial void NodeRegistered(ILogger logger, string node);

    [LoggerMessage(4012, LogLevel.Warning, "Pod {Pod} is evicted: {Why}")]
    public static partial void Evicted(ILogger logger, string pod, string why);

    [LoggerMessage(4013, LogLevel.Warning, "Image clean-up: {Why}")]
    public static partial void ImageGc(ILogger logger, string why);

    [LoggerMessage(4014, LogLevel.Warning, "{Part} stopped unexpectedly: {Why}; it is started again.")]
    public static partial void PartFailed(ILogger logger, string part, string why);

    [LoggerMessage(4015, LogLevel.Debug, "Event for {Pod} was dropped: {Why}")]
    public static partial void EventDropped(ILogger logger, string pod, string why);

    [LoggerMessage(4017, LogLevel.Information, "The clock was set by {Jump}; pods' tokens and the node's heartbeat are renewed.")]
    public static partial void ClockJumped(ILogger logger, TimeSpan jump);

    [LoggerMessage(4016, LogLevel.Information, "The kubelet's HTTPS server listens on {Address}:{Port}.")]
    public static partial void ServerListens(ILogger logger, string address, int port);

    [LoggerMessage(4018, LogLevel.Information, "{Type} {Driver} registered.")]
    public static partial void DriverRegistered(ILogger logger, string type, string driver);

    [LoggerMessage(4019, LogLevel.Warning, "The plugin at {Socket} is not registered: {Why}. Trying again in {Delay}.")]
    public static partial void DriverNotRegistered(ILogger logger, string socket, string why, TimeSpan delay);

    [LoggerMessage(4020, LogLevel.Warning, "Drivers are not seen, {Folder} cannot be watched: {Why}. Raise fs.inotify.max_user_instances and start again.")]
    public static partial void DriversNotWatched(ILogger logger, string folder, string why);

    [LoggerMessage(4021, LogLevel.Warning, "ResourceSlices of {Driver} on this node could not be removed: {Why}. Trying again in {Delay}.")]
    public static partial void SlicesNotWiped(ILogger logger, string driver, string why, TimeSpan delay);

    [LoggerMessage(4022, LogLevel.Information, "Driver {Driver} is gone: its ResourceSlices on this node are removed.")]
    public static partial void SlicesWiped(ILogger logger, string driver);

    [LoggerMessage(4023, LogLevel.Error, "{File} is not readable ({Why}) and set aside as {Aside}. Devices of claims prepared before may stay prepared: delete their pods, or drain the node.")]
    public static partial void ClaimsUnreadable(ILogger logger, string file, string why, string aside);

    [LoggerMessage(4024, LogLevel.Warning, "The device plugin of {Resource} has gone: {Why}. Its devices are given to nobody until it registers again.")]
    public static partial void DevicePluginGone(ILogger logger, string resource, string why);

    [LoggerMessage(4025, LogLevel.Warning, "A device plugin of {Resource} is not registered: {Why}.")]
    public static partial void DevicePluginRefused(ILogger logger, string resource, string why);

    [LoggerMessage(4026, LogLevel.Error, "{File} is not readable ({Why}) and set aside as {Aside}. Which device plugins' devices are in use is not known: drain the node before other pods ask for them.")]
    public static partial void DevicesUnreadable(ILogger logger, string file, string why, string aside);

    [LoggerMessage(4027, LogLevel.Error, "{File} cannot be written: {Why}. A restart of the node would not know which device plugins' devices are in use.")]
    public static partial void DevicesNotWritten(ILogger logger, string file, string why);
}
