using System.Text.Json.Nodes;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.PodSecurity;

/// <summary>What the checks share: walking a pod's containers, and upstream's way to name several of them.</summary>
internal static class PodWalk
{
    private static readonly string[] Lists = ["initContainers", "containers", "ephemeralContainers"];

    public static IEnumerable<JsonObject> Containers(JsonObject? spec) => Lists.SelectMany(list => spec.Array(list)?.OfType<JsonObject>() ?? []);

    /// <summary>Names of the containers whose securityContext (perhaps null) is bad.</summary>
    public static List<string> Where(JsonObject? spec, Func<JsonObject?, bool> isBad) =>
        [.. Containers(spec).Where(container => isBad(container.Object("securityContext"))).Select(container => container.Text("name"))];

    public static string Quoted(IEnumerable<string> items) => $"\"{string.Join("\", \"", items)}\"";

    public static string Sorted(IEnumerable<string> items) => Quoted(items.Distinct().Order(StringComparer.Ordinal));

    public static string Plural(string singular, string plural, int count) => count == 1 ? singular : plural;

    /// <summary><c>container "a"</c> or <c>containers "a", "b"</c>.</summary>
    public static string Named(IReadOnlyCollection<string> containers) => $"{Plural("container", "containers", containers.Count)} {Quoted(containers)}";

    /// <summary><c>pod and container "a"</c>: who set something bad.</summary>
    public static string Setters(bool isPod, IReadOnlyCollection<string> containers) =>
        string.Join(" and ", ((string[])[isPod ? "pod" : "", containers.Count > 0 ? Named(containers) : ""]).Where(text => text.Length > 0));
}
