using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Controllers.GarbageCollection;
using Microsoft.Extensions.Logging.Abstractions;
using static Bramble.Controllers.Tests.ControllerScenario;

namespace Bramble.Controllers.Tests.GarbageCollection;

public sealed class FoundResourcesTests
{
    private static readonly ResourceId Old = new("e.com", "v1", "widgets", "Widget", true);
    private static readonly ResourceId Newer = Old with { Version = "v2" };

    [Fact]
    public async Task A_resource_is_watched_in_a_version_that_is_served_and_nobody_else_loses_it()
    {
        var api = new TestCluster();
        await using var informers = new Informers(api, TimeProvider.System, NullLoggerFactory.Instance);
        ConcurrentQueue<string> seen = [], others = [];
        var found = new FoundResources(informers, (resource, change) => seen.Enqueue($"{resource.Version} {change.Name.Name}"));
        using var other = informers.ForObjects(Old).Subscribe(change => others.Enqueue(change.Name.Name));

        Assert.Empty(found.Set("crd/w", [new FoundResource(Old, ["v1"])]));
        await CreateAsync("a");
        await EventuallyAsync(() => Task.FromResult(seen.Contains("v1 a")));
        Assert.Null(found.Find("e.com", "v2", "Widget"));

        Assert.Empty(found.Set("crd/w", [new FoundResource(Newer, ["v2", "v1"])])); // its objects stay known
        await CreateAsync("b");
        await EventuallyAsync(() => Task.FromResult(seen.Contains("v2 b")));
        Assert.Equal(Newer, found.Find("e.com", "v1", "Widget"));
        Assert.Empty(found.Set("api/w", [new FoundResource(Old, ["v1"])])); // watched already, by another key

        Assert.Equal([Newer], found.Set("crd/w", []));
        Assert.Null(found.Find("e.com", "v1", "Widget"));
        await CreateAsync("c");
        await EventuallyAsync(() => Task.FromResult(others.Contains("c")));
        Assert.DoesNotContain(seen, s => s.EndsWith('c'));

        async Task CreateAsync(string name) => await api.CreateAsync(Old, new NamespacedName("d", name), new JsonObject { ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "d" } }, null, default);
    }
}
