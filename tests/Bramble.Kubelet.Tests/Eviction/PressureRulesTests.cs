using Bramble.Kubelet.Eviction;
using Bramble.Kubelet.Tests.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Tests.Eviction;

/// <summary>The rules of the API page "Node-pressure Eviction".</summary>
public sealed class PressureRulesTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch;

    [Theory]
    [InlineData("memory.available<100Mi", "memory.available", 50, true)]
    [InlineData("memory.available<100Mi", "memory.available", 150, false)]
    [InlineData("nodefs.available<10%", "nodefs.available", 50, true)]
    [InlineData("nodefs.available<0%", "nodefs.available", 0, false)]
    [InlineData("nodefs.inodesFree<5%", "nodefs.inodesFree", 40, true)]
    [InlineData("pid.available<500", "pid.available", 0, true)]
    public void A_hard_threshold_counts_at_once(string flag, string signal, long availableMebibytes, bool isCrossed)
    {
        var pressure = Rules(("eviction-hard", flag)).Decide(Signal(signal, availableMebibytes), Start);
        Assert.Equal(isCrossed, pressure.HasMemoryPressure || pressure.HasDiskPressure || pressure.HasPidPressure);
        Assert.Equal(isCrossed ? 1 : 0, pressure.Due.Count);
    }

    [Fact]
    public void A_soft_threshold_evicts_after_its_grace_and_shows_at_once()
    {
        var rules = Rules(("eviction-hard", "memory.available<10Mi"), ("eviction-soft", "memory.available<100Mi"), ("eviction-soft-grace-period", "memory.available=1m30s"));
        var first = rules.Decide(Signal("memory.available", 50), Start);
        Assert.True(first.HasMemoryPressure);
        Assert.Empty(first.Due);
        Assert.Empty(rules.Decide(Signal("memory.available", 50), Start.AddSeconds(89)).Due);
        Assert.Equal(TimeSpan.FromSeconds(90), Assert.Single(rules.Decide(Signal("memory.available", 50), Start.AddSeconds(90)).Due).Grace);
        // Better for a moment: the grace begins again.
        rules.Decide(Signal("memory.available", 150), Start.AddSeconds(91));
        Assert.Empty(rules.Decide(Signal("memory.available", 50), Start.AddSeconds(92)).Due);
        // The hard one does not wait and goes first.
        Assert.Null(rules.Decide(Signal("memory.available", 5), Start.AddSeconds(93)).Due[0].Grace);
    }

    [Fact]
    public void A_condition_stays_for_the_transition_period()
    {
        var rules = Rules(("eviction-hard", "memory.available<100Mi"), ("eviction-pressure-transition-period", "30s"));
        rules.Decide(Signal("memory.available", 50), Start);
        var after = rules.Decide(Signal("memory.available", 200), Start.AddSeconds(29));
        Assert.True(after.HasMemoryPressure);
        Assert.Empty(after.Due);
        Assert.False(rules.Decide(Signal("memory.available", 200), Start.AddSeconds(30)).HasMemoryPressure);
    }

    [Fact]
    public void A_crossed_threshold_is_over_with_the_minimum_reclaimed()
    {
        var rules = Rules(("eviction-hard", "nodefs.available<100Mi"), ("eviction-minimum-reclaim", "nodefs.available=50Mi"));
        Assert.Empty(rules.Decide(Signal("nodefs.available", 120), Start).Due);
        Assert.Single(rules.Decide(Signal("nodefs.available", 90), Start).Due);
        Assert.Single(rules.Decide(Signal("nodefs.available", 120), Start).Due);
        Assert.Empty(rules.Decide(Signal("nodefs.available", 150), Start).Due);
    }

    [Fact]
    public void A_soft_threshold_without_a_grace_period_is_refused() =>
        Assert.Equal("grace period must be specified for the soft eviction threshold memory.available",
            Assert.Throws<FormatException>(() => Rules(("eviction-soft", "memory.available<100Mi"))).Message);

    [Theory]
    [InlineData("1m30s", 90_000)]
    [InlineData("1.5h", 5_400_000)]
    [InlineData("250ms", 250)]
    public void Durations_are_gos(string text, long milliseconds) => Assert.Equal(milliseconds, EvictionConfig.Duration(text).TotalMilliseconds);

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("5 s")]
    public void A_duration_needs_a_unit(string text)
    {
        if (text.Length == 0) Assert.Equal(TimeSpan.Zero, EvictionConfig.Duration(text));
        else Assert.Throws<FormatException>(() => EvictionConfig.Duration(text));
    }

    [Fact]
    public void The_message_says_who_used_more_than_asked()
    {
        var pod = Make.Pod();
        var name = pod.Spec.Containers[0].Name;
        pod.Spec.Containers[0].Resources = new() { Requests = new Dictionary<string, ResourceQuantity> { ["memory"] = "1Mi" } };
        Assert.Equal(
            $"The node was low on resource: memory. Threshold quantity: 100Mi, available: 51204Ki. Container {name} was using 2052Ki, request is 1Mi, has larger consumption of memory. ",
            EvictionRanking.Message("memory", new("memory.available", 100 << 20, null), new(51204 << 10, 1 << 30), pod, new Dictionary<string, long> { [name] = 2052 << 10 }));
    }

    private static PressureRules Rules(params (string Flag, string Value)[] flags) =>
        new(EvictionConfig.Parse(name => flags.Where(f => f.Flag == name).Select(f => f.Value).FirstOrDefault()));

    private static Dictionary<string, Signal> Signal(string name, long availableMebibytes) => new() { [name] = new(availableMebibytes << 20, 1000L << 20) };
}
