using System.Text.Json.Nodes;
using Bramble.ApiServer.Events;

namespace Bramble.ApiServer.Tests;

public class EventExpiryTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("only made", """{"metadata":{"creationTimestamp":"2026-11-24T10:00:00Z"}}""", "2026-11-24T10:00:00Z")]
    [InlineData("counted up later", """{"metadata":{"creationTimestamp":"2026-11-24T10:00:00Z","managedFields":[{"time":"2026-11-24T11:30:00Z"},{"time":"2026-11-24T11:00:00Z"}]}}""", "2026-11-24T11:30:00Z")]
    [InlineData("a recorder's clock does not count", """{"metadata":{"creationTimestamp":"2026-11-24T10:00:00Z"},"lastTimestamp":"2030-01-01T00:00:00Z"}""", "2026-11-24T10:00:00Z")]
    [InlineData("no time at all", """{"metadata":{}}""", "2026-11-24T12:00:00Z")]
    public void The_hour_begins_when_the_server_last_wrote_it(string name, string json, string expected) =>
        Assert.True(DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture) == EventExpiry.LastWritten(JsonNode.Parse(json)!.AsObject(), Now), name);
}
