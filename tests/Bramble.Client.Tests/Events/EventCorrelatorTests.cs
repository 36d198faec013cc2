using Bramble.Client.Events;
using Microsoft.Extensions.Time.Testing;

namespace Bramble.Client.Tests.Events;

public sealed class EventCorrelatorTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly EventCorrelator _correlator;

    public EventCorrelatorTests() => _correlator = new EventCorrelator(_time);

    [Fact]
    public void Events_with_an_action_are_a_series_while_the_object_stays_as_it_is()
    {
        Assert.Equal([1, 2, null, 1], [Scheduling("5"), Scheduling("5", "another note"), Scheduling("5"), Scheduling("6")]);
    }

    [Fact]
    public void Events_with_an_action_are_neither_limited_nor_combined()
    {
        for (var i = 0; i < 100; i++) Assert.Equal(1, Scheduling($"{i}"));
    }

    [Fact]
    public void A_series_ends_when_it_has_not_been_seen_for_six_minutes()
    {
        for (var i = 0; i < 3; i++) Scheduling("5");
        Scheduling("6");
        _time.Advance(EventCorrelator.SeriesEnds);
        Assert.Empty(_correlator.EndSeries());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([3], _correlator.EndSeries().Select(s => s.Count));
        Assert.False(_correlator.HasSeries);
        Assert.Equal([1, 1], [Scheduling("5"), Scheduling("6")]);
    }

    [Fact]
    public void A_series_that_goes_on_is_written_every_half_an_hour()
    {
        var written = new List<int>();
        for (var round = 1; round <= 10; round++)
        {
            Scheduling("5");
            _time.Advance(EventCorrelator.SeriesEnds);
            written.AddRange(_correlator.EndSeries().Select(s => s.Count));
        }
        Assert.Equal([5, 10], written);
    }

    [Fact]
    public void An_object_cannot_flood_the_store_with_other_events()
    {
        var written = Enumerable.Range(0, 100).Count(i => Pulled($"image {i}") is not null);
        Assert.Equal(25, written);
        // A warning is told all the same.
        Assert.NotNull(_correlator.Correlate(new ObservedEvent(Pod("1"), "Warning", "Failed", "m", null, _time.GetUtcNow()), "kubelet"));
    }

    [Fact]
    public void What_is_not_told_is_counted()
    {
        for (var i = 0; i < 30; i++) Pulled("image");
        Assert.Null(Pulled("image"));
        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(32, Pulled("image")!.Count);
    }

    [Fact]
    public void Many_messages_of_one_reason_are_combined_whatever_field_they_are_about()
    {
        for (var i = 1; i < 10; i++) Assert.Equal($"image {i}", Pulled($"image {i}", $"spec.containers{{{i}}}")!.Message);
        Assert.Equal(("(combined from similar events): image 10", 1), Told("image 10"));
        Assert.Equal(("(combined from similar events): image 11", 2), Told("image 11"));

        (string, int) Told(string message) => Pulled(message) is { } known ? (known.Message, known.Count) : default;
    }

    private int? Scheduling(string version, string note = "0/1 nodes are available") =>
        _correlator.Correlate(new ObservedEvent(Pod(version), "Warning", "FailedScheduling", note, "Scheduling", _time.GetUtcNow()), "default-scheduler")?.Count;

    private CorrelatedEvent? Pulled(string message, string field = "") =>
        _correlator.Correlate(new ObservedEvent(Pod("1") with { FieldPath = field }, "Normal", "Pulled", message, null, _time.GetUtcNow()), "kubelet");

    private static EventSubject Pod(string version) => new("v1", "Pod", new("d", "p"), "uid", version);
}
