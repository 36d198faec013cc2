using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.Client;

namespace Bramble.ApiServer.Tests;

/// <summary>Caches that hold what a test puts in.</summary>
internal sealed class FixedReader : IResourceReader
{
    private readonly Dictionary<GroupResource, Dictionary<NamespacedName, KubeObject>> _objects = [];
    private long _revision;

    public FixedReader With(string group, string resource, string json)
    {
        var tree = JsonNode.Parse(json)!.AsObject();
        var metadata = tree["metadata"]!.AsObject();
        var name = new NamespacedName((string?)metadata["namespace"] ?? "", (string)metadata["name"]!);
        var key = new GroupResource(group, resource);
        if (!_objects.TryGetValue(key, out var all)) _objects[key] = all = [];
        all[name] = new KubeObject(name, (string?)metadata["uid"] ?? "", ++_revision, Encoding.UTF8.GetBytes(json));
        return this;
    }

    public void Remove(string group, string resource, NamespacedName name)
    {
        _revision++;
        _objects[new(group, resource)].Remove(name);
    }

    public KubeObject? Find(GroupResource resource, NamespacedName name) => _objects.GetValueOrDefault(resource)?.GetValueOrDefault(name);

    public IReadOnlyCollection<KubeObject> List(GroupResource resource, string ns = "") =>
        [.. (_objects.GetValueOrDefault(resource)?.Values ?? (IEnumerable<KubeObject>)[]).Where(o => ns.Length == 0 || o.Name.Namespace == ns)];

    public long Revision(GroupResource resource) => _revision;
}
