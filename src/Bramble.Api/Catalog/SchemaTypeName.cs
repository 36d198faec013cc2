using Bramble.Api.Naming;

namespace Bramble.Api.Catalog;

/// <summary>The schema's name of a built-in kind's type, made from its Go package.</summary>
public static class SchemaTypeName
{
    public static string Of(GroupVersionKind kind) => kind.Group switch
    {
        "" => $"io.k8s.api.core.{kind.Version}.{kind.Kind}",
        "apiextensions.k8s.io" => $"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{kind.Version}.{kind.Kind}",
        "apiregistration.k8s.io" => $"io.k8s.kube-aggregator.pkg.apis.apiregistration.{kind.Version}.{kind.Kind}",
        _ => $"io.k8s.api.{kind.Group.Split('.')[0]}.{kind.Version}.{kind.Kind}",
    };
}
