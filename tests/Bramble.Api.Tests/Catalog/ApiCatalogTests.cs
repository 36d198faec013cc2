using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Naming;

namespace Bramble.Api.Tests.Catalog;

public sealed class ApiCatalogTests
{
    private static readonly string Facts = FindFacts();

    [Fact]
    public void Pods_are_there_with_names_verbs_and_subresources()
    {
        var pods = ApiCatalog.BuiltIn.Find("", "v1", "pods")!;
        Assert.Equal(("Pod", "pod", true), (pods.Kind, pods.Singular, pods.IsNamespaced));
        Assert.Equal(["po"], pods.ShortNames);
        Assert.Equal(["all"], pods.Categories);
        Assert.Equal("/registry/pods/", pods.StoragePrefix);
        Assert.Equal(["attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "proxy", "resize", "status"], pods.Subresources.Select(s => s.Name));
        Assert.Equal(new GroupVersionKind("policy", "v1", "Eviction"), pods.FindSubresource("eviction")!.Kind);
    }

    [Fact]
    public void Every_kind_has_a_type_in_the_schema()
    {
        var types = JsonNode.Parse(File.ReadAllText(Path.Combine(Facts, "schema.json")))!["types"]!.AsObject();
        var missing = ApiCatalog.BuiltIn.Resources.Where(r => !types.ContainsKey(r.SchemaType)).Select(r => $"{r}: {r.SchemaType}");
        Assert.Empty(missing);
    }

    [Fact]
    public void Versions_of_a_resource_share_one_storage()
    {
        var v1 = ApiCatalog.BuiltIn.Find("autoscaling", "v1", "horizontalpodautoscalers")!;
        var v2 = ApiCatalog.BuiltIn.Find("autoscaling", "v2", "horizontalpodautoscalers")!;
        Assert.Equal((v2.StorageKind, v2.StoragePrefix), (v1.StorageKind, v1.StoragePrefix));
        Assert.Equal(["v2", "v1"], ApiCatalog.BuiltIn.Versions(v1.GroupResource).Select(r => r.Version));
        var core = ApiCatalog.BuiltIn.Find("", "v1", "events")!;
        var events = ApiCatalog.BuiltIn.Find("events.k8s.io", "v1", "events")!;
        Assert.Equal((core.StorageKind, core.StoragePrefix), (events.StorageKind, events.StoragePrefix));
    }

    [Theory]
    [InlineData("", "nodes", "/registry/minions/")]
    [InlineData("", "services", "/registry/services/specs/")]
    [InlineData("apps", "deployments", "/registry/deployments/")]
    [InlineData("rbac.authorization.k8s.io", "roles", "/registry/roles/")]
    [InlineData("apiextensions.k8s.io", "customresourcedefinitions", "/registry/apiextensions.k8s.io/customresourcedefinitions/")]
    [InlineData("gateway.networking.k8s.io", "gateways", "/registry/gateway.networking.k8s.io/gateways/")]
    [InlineData("helm.cattle.io", "helmcharts", "/registry/helm.cattle.io/helmcharts/")]
    public void Keys_are_where_upstream_has_them(string group, string resource, string prefix) => Assert.Equal(prefix, StorageLayout.PrefixOf(new(group, resource)));

    [Fact]
    public void Hashes_are_computed_as_upstream_does()
    {
        // Two kinds are stored by upstream in v1beta1 until 1.37: their hash says so and is taken from the facts.
        var wrong = ApiCatalog.BuiltIn.Resources
            .Where(r => r.IsStored && !r.Plural.StartsWith("mutatingadmissionpolic", StringComparison.Ordinal) && r.Group != "apiextensions.k8s.io")
            .Where(r => r.StorageVersionHash != StorageLayout.VersionHash(r.StorageKind));
        Assert.Empty(wrong);
    }

    internal static string FindFacts()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Directory.Exists(Path.Combine(folder.FullName, "facts", "kubernetes-api"))) return Path.Combine(folder.FullName, "facts", "kubernetes-api");
        throw new DirectoryNotFoundException("facts/kubernetes-api above " + AppContext.BaseDirectory);
    }
}
