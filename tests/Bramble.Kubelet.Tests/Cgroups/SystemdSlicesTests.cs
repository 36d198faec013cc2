using Bramble.Kubelet.Cgroups;

namespace Bramble.Kubelet.Tests.Cgroups;

/// <summary>Pods' cgroups where systemd owns the tree.</summary>
public sealed class SystemdSlicesTests
{
    private readonly Manager _systemd = new();

    [Fact]
    public void A_slice_is_started_once_and_changed_only_when_its_limits_change()
    {
        var slices = new SystemdSlices(_systemd);
        slices.Ensure("kubepods.slice", SliceLimits.Of(39, 0, 0));
        slices.Ensure("kubepods.slice", SliceLimits.Of(39, 0, 0));
        slices.Ensure("kubepods.slice", SliceLimits.Of(40, 0, 0));
        Assert.Equal(["start kubepods.slice 39", "start kubepods.slice 40", "limit kubepods.slice 40"], _systemd.Calls);
    }

    [Fact]
    public void A_slice_that_is_there_before_us_gets_its_limits_and_a_stopped_one_is_started_again()
    {
        _systemd.Units.Add("kubepods-podA.slice");
        var slices = new SystemdSlices(_systemd);
        slices.Ensure("kubepods-podA.slice", SliceLimits.Of(1, 0, 0));
        slices.Stop("kubepods-podA.slice");
        slices.Ensure("kubepods-podA.slice", SliceLimits.Of(1, 0, 0));
        Assert.Equal(["start kubepods-podA.slice 1", "limit kubepods-podA.slice 1", "stop kubepods-podA.slice", "start kubepods-podA.slice 1"], _systemd.Calls);
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(100_000, 1_000_000UL)] // one core: a second each second
    [InlineData(50_000, 500_000UL)]
    [InlineData(1_000, 10_000UL)]
    [InlineData(12_345, 130_000UL)] // rounded up to the hundredth that systemd keeps
    public void A_quota_in_100_ms_becomes_a_quota_in_a_second(long quota, ulong? perSecond) =>
        Assert.Equal(perSecond, SliceLimits.Of(1, quota, 0).CpuMicrosecondsPerSecond);

    [Theory]
    [InlineData("pod0c6e-11", "0c6e-11")]
    [InlineData("kubepods-pod0c6e_11.slice", "0c6e-11")]
    [InlineData("kubepods-burstable-pod0c6e_11.slice", "0c6e-11")]
    [InlineData("kubepods-burstable.slice", null)]
    [InlineData("besteffort", null)]
    public void A_cgroup_tells_its_pods_uid(string name, string? uid) => Assert.Equal(uid, PodCgroups.UidOf(name));

    [Theory]
    [InlineData("systemd", null, CgroupDriver.Systemd)]
    [InlineData("cgroupfs", "a1", CgroupDriver.Cgroupfs)]
    [InlineData(null, null, CgroupDriver.Cgroupfs)] // not started by systemd: a shell, a test
    public void The_driver_is_what_was_asked_for(string? asked, string? invocation, CgroupDriver expected) =>
        Assert.Equal(expected, CgroupHierarchy.ChooseDriver(asked, _ => invocation));

    [Fact]
    public void An_unknown_driver_is_refused() =>
        Assert.Contains("\"systemd\" or \"cgroupfs\"", Assert.Throws<InvalidDataException>(() => CgroupHierarchy.ChooseDriver("none", _ => null)).Message, StringComparison.Ordinal);

    private sealed class Manager : ISystemd
    {
        public HashSet<string> Units { get; } = [];

        public List<string> Calls { get; } = [];

        public bool TryStartSlice(string slice, SliceLimits limits)
        {
            Calls.Add($"start {slice} {limits.CpuWeight}");
            return Units.Add(slice);
        }

        public void SetLimits(string slice, SliceLimits limits) => Calls.Add($"limit {slice} {limits.CpuWeight}");

        public void Stop(string slice)
        {
            Calls.Add($"stop {slice}");
            Units.Remove(slice);
        }
    }
}
