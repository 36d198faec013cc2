using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>What a strategy makes of an object that is written, and what it says of it: one line a cause.</summary>
internal static class Written
{
    private static readonly IReadOnlyDictionary<GroupResource, KindStrategy> All = BuiltInStrategies.All(ServiceNetwork.Default, () => throw new InvalidOperationException());

    /// <summary>2026-01-02T03:04:05Z.</summary>
    public static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    /// <param name="resource"><c>apps/v1/deployments</c>.</param>
    public static string[] Create(string resource, string json, FixedReader? cluster = null)
    {
        var (kind, strategy) = Find(resource);
        var (obj, errors, context) = (Read(kind, strategy, json), new FieldErrors(), Context(cluster));
        strategy.PrepareForCreate(obj, context);
        strategy.Default(obj);
        strategy.Validate(obj, errors, context);
        return Lines(errors);
    }

    public static string[] Update(string resource, string old, string json, string subresource = "", FixedReader? cluster = null)
    {
        var (kind, strategy) = Find(resource);
        var (obj, before, errors, context) = (Read(kind, strategy, json), Read(kind, strategy, old), new FieldErrors(), Context(cluster));
        if (subresource.Length == 0) strategy.PrepareForUpdate(obj, before, context);
        else strategy.PrepareForSubresourceUpdate(subresource, obj, before, context);
        strategy.Default(obj);
        if (subresource.Length == 0) strategy.ValidateUpdate(obj, before, errors, context);
        else strategy.ValidateSubresourceUpdate(subresource, obj, before, errors, context);
        return Lines(errors);
    }

    /// <summary>The object as it would be stored.</summary>
    public static JsonObject Stored(string resource, string json, string? old = null, string subresource = "")
    {
        var (kind, strategy) = Find(resource);
        var obj = Read(kind, strategy, json);
        if (old is null) strategy.PrepareForCreate(obj, Context(null));
        else if (subresource.Length > 0) strategy.PrepareForSubresourceUpdate(subresource, obj, Read(kind, strategy, old), Context(null));
        else strategy.PrepareForUpdate(obj, Read(kind, strategy, old), Context(null));
        strategy.Default(obj);
        return obj;
    }

    public static string[] Warnings(string resource, string json, string? old = null)
    {
        var (kind, strategy) = Find(resource);
        return [.. strategy.Warnings(Read(kind, strategy, json), old is null ? null : Read(kind, strategy, old))];
    }

    private static (ApiResource Resource, KindStrategy Strategy) Find(string resource)
    {
        var parts = resource.Split('/');
        return (ApiCatalog.BuiltIn.Find(parts[0], parts[1], parts[2])!, All[new(parts[0], parts[2])]);
    }

    private static JsonObject Read(ApiResource resource, KindStrategy strategy, string json)
    {
        var body = JsonNode.Parse(json)!.AsObject();
        body["apiVersion"] = resource.Group.Length == 0 ? resource.Version : $"{resource.Group}/{resource.Version}";
        body["kind"] = resource.GroupVersionKind.Kind;
        var meta = body["metadata"] as JsonObject ?? [];
        body["metadata"] = meta;
        meta.TryAdd("name", "a");
        meta.TryAdd("uid", "00000000-0000-0000-0000-000000000001");
        if (resource.IsNamespaced) meta.TryAdd("namespace", "ns");
        var obj = ObjectDecoder.Decode(Encoding.UTF8.GetBytes(body.ToJsonString(Json)), BodyFormat.Json, BuiltInSchemas.FindKind(resource.GroupVersionKind)!, resource.GroupVersionKind, FieldValidation.Strict).Tree;
        strategy.Default(obj);
        return obj;
    }

    private static string[] Lines(FieldErrors errors) => [.. errors.Select(error => error.ToString())];

    private static StrategyContext Context(FixedReader? cluster) => new(cluster ?? new FixedReader(), new UserInfo("admin", ["system:masters"]), Now);

    private static readonly System.Text.Json.JsonSerializerOptions Json = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        TypeInfoResolver = System.Text.Json.Serialization.Metadata.JsonTypeInfoResolver.Combine(),
    };
}
