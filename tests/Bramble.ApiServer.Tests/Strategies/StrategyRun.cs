using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Bramble.Api.Catalog;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Tests.Strategies;

/// <summary>A write as its kind's strategy sees it, without pipeline and store: what is complained about, as <c>field: message</c>, and what is warned of.</summary>
internal static class StrategyRun
{
    private static readonly IReadOnlyDictionary<GroupResource, KindStrategy> All = BuiltInStrategies.All(ServiceNetwork.Default, () => throw new InvalidOperationException());

    private static readonly StrategyContext Context = new(new NoReader(), new UserInfo("admin", ["system:masters"]), DateTimeOffset.UnixEpoch);

    public static bool Knows(ApiResource resource) => All.ContainsKey(resource.GroupResource);

    /// <param name="plural"><c>pods</c>, or <c>networking.k8s.io/v1/ingresses</c>.</param>
    public static ApiResource Resource(string plural)
    {
        var parts = plural.Split('/');
        return (parts.Length == 3 ? ApiCatalog.BuiltIn.Find(parts[0], parts[1], parts[2]) : ApiCatalog.BuiltIn.Find("", "v1", plural)) ?? throw new ArgumentException(plural);
    }

    public static List<string> Create(ApiResource resource, JsonObject body)
    {
        try
        {
            var errors = new FieldErrors();
            All[resource.GroupResource].Validate(Created(resource, body), errors, Context);
            return Texts(errors);
        }
        catch (StatusException e)
        {
            // A Service whose families make no sense is refused before it is validated.
            return [.. e.Status.Details!.Causes!.Select(cause => $"{cause.Field}: {cause.Message}")];
        }
    }

    public static List<string> Update(ApiResource resource, JsonObject before, JsonObject after)
    {
        var (strategy, old, obj, errors) = (All[resource.GroupResource], Created(resource, before), Decoded(resource, after), new FieldErrors());
        strategy.Default(obj);
        strategy.PrepareForUpdate(obj, old, Context);
        strategy.ValidateUpdate(obj, old, errors, Context);
        return Texts(errors);
    }

    /// <summary>Both sides as they are: a status of the old object too is what the test says.</summary>
    public static List<string> Update(ApiResource resource, string subresource, JsonObject before, JsonObject after)
    {
        var (strategy, old, obj, errors) = (All[resource.GroupResource], Decoded(resource, before), Decoded(resource, after), new FieldErrors());
        strategy.Default(old);
        strategy.Default(obj);
        strategy.PrepareForSubresourceUpdate(subresource, obj, old, Context);
        strategy.ValidateSubresourceUpdate(subresource, obj, old, errors, Context);
        return Texts(errors);
    }

    public static List<string> Warnings(ApiResource resource, JsonObject body) => [.. All[resource.GroupResource].Warnings(Created(resource, body), null)];

    public static JsonObject Created(ApiResource resource, JsonObject body)
    {
        var (strategy, obj) = (All[resource.GroupResource], Decoded(resource, body));
        strategy.Default(obj);
        strategy.Complete(obj, null);
        strategy.PrepareForCreate(obj, Context);
        strategy.Default(obj);
        return obj;
    }

    private static JsonObject Decoded(ApiResource resource, JsonObject body)
    {
        var bytes = Encoding.UTF8.GetBytes(body.ToJsonString(Relaxed));
        var obj = ObjectDecoder.Decode(bytes, BodyFormat.Json, BuiltInSchemas.FindKind(resource.GroupVersionKind)!, resource.GroupVersionKind, FieldValidation.Ignore).Tree;
        var meta = obj["metadata"]!.AsObject();
        // What the pipeline and admission write before a strategy looks.
        meta["uid"] = "00000000-0000-0000-0000-000000000001";
        if (!meta.ContainsKey("name")) meta["name"] = meta["generateName"] + "abcde";
        if (resource.IsNamespaced && !meta.ContainsKey("namespace")) meta["namespace"] = "par-0123456789";
        if (resource.Plural == "pods") obj["spec"]!.AsObject().TryAdd("serviceAccountName", "default");
        return obj;
    }

    private static List<string> Texts(FieldErrors errors) => [.. errors.Select(error => error.ToString())];

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, TypeInfoResolver = JsonTypeInfoResolver.Combine() };

    private sealed class NoReader : IResourceReader
    {
        public KubeObject? Find(GroupResource resource, NamespacedName name) => null;
        public IReadOnlyCollection<KubeObject> List(GroupResource resource, string ns = "") => [];
        public long Revision(GroupResource resource) => 0;
    }
}
