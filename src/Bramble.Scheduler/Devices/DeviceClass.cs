using System.Text.Json.Nodes;

namespace Bramble.Scheduler.Devices;

/// <summary>A DeviceClass: selectors that every request of the class has, and configuration for the driver. Immutable.</summary>
internal sealed class DeviceClass(string name, IReadOnlyList<string> selectors, JsonArray config, string? extendedResource, string createdAt)
{
    /// <summary>A Pod that asks for <c>deviceclass.resource.kubernetes.io/NAME</c> asks for devices of the class NAME.</summary>
    private const string ImplicitPrefix = "deviceclass.resource.kubernetes.io/";

    public string Name { get; } = name;
    public IReadOnlyList<string> Selectors { get; } = selectors;
    public JsonArray Config { get; } = config;

    /// <summary>The extended resource whose requests the class serves where a node's own devices do not: KEP-5004.</summary>
    public string? ExtendedResource { get; } = extendedResource;
    public string ImplicitResource { get; } = ImplicitPrefix + name;

    public static DeviceClass Of(JsonObject tree) => new(
        (string)tree["metadata"]!["name"]!, [.. (tree["spec"]?["selectors"] as JsonArray ?? []).Select(s => (string?)s?["cel"]?["expression"]).OfType<string>()],
        tree["spec"]?["config"] as JsonArray ?? [], (string?)tree["spec"]?["extendedResourceName"], (string?)tree["metadata"]!["creationTimestamp"] ?? "");

    /// <summary>Two classes may name one resource, say while one takes the other's place: the newer serves it, of equally old ones the first by name.</summary>
    public bool ComesBefore(DeviceClass other)
    {
        // RFC 3339 of one form sorts as time does.
        var age = string.CompareOrdinal(CreatedAt, other.CreatedAt);
        return age != 0 ? age > 0 : string.CompareOrdinal(Name, other.Name) < 0;
    }

    private string CreatedAt { get; } = createdAt;
}
