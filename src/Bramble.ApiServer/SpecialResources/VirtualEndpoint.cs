using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>A resource that can only be created and whose creation is the question: the answer is not kept.</summary>
internal abstract class VirtualEndpoint(GroupResource resource, string subresource = "") : ISpecialEndpoint
{
    public GroupResource Resource { get; } = resource;
    public string Subresource { get; } = subresource;

    public virtual void Default(JsonObject body) { }

    public async ValueTask<SpecialAnswer> HandleAsync(SpecialRequest request, CancellationToken cancel) => request.Body is { } body
        ? new SpecialAnswer(201, await CreateAsync(request, body, cancel))
        : throw StatusErrors.MethodNotAllowed(Resource, request.Info.Verb);

    /// <returns>The object to answer with; may be <paramref name="body"/> itself.</returns>
    protected abstract ValueTask<JsonObject> CreateAsync(SpecialRequest request, JsonObject body, CancellationToken cancel);

    /// <summary>The plain success that bindings and evictions answer with.</summary>
    protected static JsonObject Success => new Status(201, "", "").ToTree();

    protected static JsonArray List(IEnumerable<string> values)
    {
        var list = new JsonArray();
        foreach (var value in values) list.Add((JsonNode)JsonValue.Create(value));
        return list;
    }
}
