using System.Text.Json;
using Bramble.Api.Catalog;
using Bramble.Api.Naming;

namespace Bramble.Api.OpenApi;

/// <summary>One operation on one path, from the facts: what it takes and answers.</summary>
/// <param name="Action">x-kubernetes-action: get, list, post, connect…; none: not a resource.</param>
internal sealed record OpenApiOperation(
    string Path, string Method, string Action, IReadOnlyList<string> Query, IReadOnlyList<string> Consumes, IReadOnlyList<string> Produces, IReadOnlyList<string> Codes)
{
    private const string Meta = "io.k8s.apimachinery.pkg.apis.meta.v1.";

    private string[] Parts { get; } = Path.Split('/', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Parts of the path that name the resource and its subresource: after version, <c>watch</c> and namespace.</summary>
    private string[] ResourceParts
    {
        get
        {
            var rest = Parts[(Parts[0] == "api" ? 2 : 3)..];
            if (rest.Length > 0 && rest[0] == "watch") rest = rest[1..];
            return rest is ["namespaces", "{namespace}", ..] && rest.Length > 2 ? rest[2..] : rest;
        }
    }

    public bool IsResource => Action != "none";

    public bool IsNamespaced => Path.Contains("/{namespace}/", StringComparison.Ordinal);

    public bool HasName => Path.Contains("{name}", StringComparison.Ordinal);

    public GroupVersion GroupVersion => Parts[0] == "api" ? new("", Parts[1]) : new(Parts[1], Parts[2]);

    public ApiResource? Resource => IsResource ? ApiCatalog.BuiltIn.Find(GroupVersion.Group, GroupVersion.Version, ResourceParts[0]) : null;

    public string Subresource => ResourceParts is [_, "{name}", var name, ..] ? name : "";

    /// <summary>Kind of the resource or subresource.</summary>
    public GroupVersionKind? Kind => Resource is not { } resource ? null : Subresource.Length == 0 ? resource.GroupVersionKind : resource.FindSubresource(Subresource)?.Kind;

    /// <summary>Type of the answer; null: a text.</summary>
    public string? AnswerType => Action switch
    {
        "connect" => null,
        "list" => SchemaTypeName.Of(Kind!.Value) + "List",
        "watch" or "watchlist" => Meta + "WatchEvent",
        "deletecollection" => Meta + "Status",
        // These say what they deleted.
        "delete" when Kind!.Value.Kind is not ("Pod" or "PodTemplate" or "ResourceQuota" or "ServiceAccount" or "PersistentVolume" or "PersistentVolumeClaim" or "Service"
            or "StorageClass" or "VolumeAttachment" or "CSIDriver" or "CSINode" or "VolumeAttributesClass" or "ResourceClaim" or "ResourceClaimTemplate" or "ResourceSlice"
            or "DeviceClass") => Meta + "Status",
        "none" => Parts switch
        {
            ["version"] => "io.k8s.apimachinery.pkg.version.Info",
            ["api"] => Meta + "APIVersions",
            ["apis"] => Meta + "APIGroupList",
            ["apis", _] => Meta + "APIGroup",
            ["api", _] or ["apis", _, _] => Meta + "APIResourceList",
            _ => null,
        },
        _ when Subresource == "log" => null,
        _ => SchemaTypeName.Of(Kind!.Value),
    };

    public string? BodyType => Action switch
    {
        "post" or "put" => SchemaTypeName.Of(Kind!.Value),
        "patch" => Meta + "Patch",
        "delete" or "deletecollection" => Meta + "DeleteOptions",
        _ => null,
    };

    /// <summary><c>batch_v1</c>, <c>rbacAuthorization_v1</c>, <c>core</c> for the group's own document.</summary>
    public string Tag
    {
        get
        {
            if (Parts is ["version"]) return "version";
            if (Parts is ["openid", ..]) return "openid";
            if (Parts is ["apis"]) return "apis";
            var group = Parts[0] == "api" ? "core" : Camel(Parts[1]);
            return Parts.Length > (Parts[0] == "api" ? 1 : 2) ? $"{group}_{GroupVersion.Version}" : group;
        }
    }

    /// <summary><c>createBatchV1NamespacedJob</c>, <c>listCoreV1PodForAllNamespaces</c>, <c>patchAppsV1NamespacedDeploymentStatus</c>.</summary>
    public string Id
    {
        get
        {
            if (!IsResource) return NonResourceId();
            var groupVersion = Pascal(GroupVersion.Group.Length == 0 ? "core" : Camel(GroupVersion.Group)) + Pascal(GroupVersion.Version);
            var scope = IsNamespaced ? "Namespaced" : "";
            var name = scope + Resource!.Kind;
            var everywhere = Resource.IsNamespaced && !IsNamespaced ? "ForAllNamespaces" : "";
            var part = Pascal(Subresource) + (Path.EndsWith("/{path}", StringComparison.Ordinal) ? "WithPath" : "");
            return Action switch
            {
                "get" => $"read{groupVersion}{name}{part}",
                "list" => $"list{groupVersion}{name}{everywhere}",
                "watch" => $"watch{groupVersion}{name}",
                "watchlist" => $"watch{groupVersion}{name}List{everywhere}",
                "post" => $"create{groupVersion}{name}{part}",
                "put" => $"replace{groupVersion}{name}{part}",
                "patch" => $"patch{groupVersion}{name}{part}",
                "delete" => $"delete{groupVersion}{name}",
                "deletecollection" => $"delete{groupVersion}Collection{name}",
                _ => $"connect{groupVersion}{Pascal(Method.ToLowerInvariant())}{name}{part}",
            };
        }
    }

    public static IReadOnlyList<OpenApiOperation> ReadFacts(out IReadOnlyDictionary<string, string> parameterTypes)
    {
        using var facts = typeof(OpenApiOperation).Assembly.GetManifestResourceStream("query-params.json")!;
        using var document = JsonDocument.Parse(facts);
        parameterTypes = document.RootElement.GetProperty("parameterTypes").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetString()!);
        var operations = new List<OpenApiOperation>();
        foreach (var shape in document.RootElement.GetProperty("operations").EnumerateArray())
            foreach (var path in shape.GetProperty("paths").EnumerateArray())
                operations.Add(new(
                    path.GetString()!, shape.GetProperty("method").GetString()!, shape.GetProperty("action").GetString()!,
                    Texts(shape, "query"), Texts(shape, "consumes"), Texts(shape, "produces"), Texts(shape, "codes")));
        return operations;
    }

    private string NonResourceId() => Parts switch
    {
        ["version"] => "getCodeVersion",
        ["api"] => "getCoreAPIVersions",
        ["apis"] => "getAPIVersions",
        ["apis", var group] => $"get{Pascal(Camel(group))}APIGroup",
        ["api", var version] => $"getCore{Pascal(version)}APIResources",
        ["apis", var group, var version] => $"get{Pascal(Camel(group))}{Pascal(version)}APIResources",
        _ => "getServiceAccountIssuerOpenIDKeyset",
    };

    /// <summary><c>rbac.authorization.k8s.io</c> → <c>rbacAuthorization</c>.</summary>
    private static string Camel(string group)
    {
        var parts = (group.EndsWith(".k8s.io", StringComparison.Ordinal) ? group[..^7] : group).Split('.');
        return parts[0] + string.Concat(parts.Skip(1).Select(Pascal));
    }

    private static string Pascal(string text) => text.Length == 0 ? "" : char.ToUpperInvariant(text[0]) + text[1..];

    private static IReadOnlyList<string> Texts(JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(t => t.GetString()!)];
}
