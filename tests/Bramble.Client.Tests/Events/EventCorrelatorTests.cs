using Bramble.Client.Events;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Client.Tests.Events;

public sealed class EventCorrelatorTests
{
    private readonly EventCorrelator _correlator = new(new FakeTimeProvider());

    [Fact]
    public void Events_with_an_action_are_a_series_while_the_object_stays_as_it_is()
    {
        Assert.Equal([1, 2, 1], [Scheduling("5"), Scheduling("5"), Scheduling("6")]);
    }

    [Fact]
    public void Events_with_an_action_are_neither_limited_nor_combined()
    {
        for (var i = 0; i < 100; i++) Assert.Equal(1, Scheduling($"{i}"));
    }

    [Fact]
    public void An_object_cannot_flood_the_store_with_other_events()
    {
        var written = Enumerable.Range(0, 100).Count(i => _correlator.Correlate(Pod("1"), "Normal", "Pulled", $"image {i}", null, "kubelet") is not null);
        Assert.Equal(25, written);
    }

    private int Scheduling(string version) => _correlator.Correlate(Pod(version), "Warning", "FailedScheduling", "0/1 nodes are available", "Scheduling", "default-scheduler")!.Count;

    private static EventSubject Pod(string version) => new("v1", "Pod", new("d", "p"), "uid", version);
}
