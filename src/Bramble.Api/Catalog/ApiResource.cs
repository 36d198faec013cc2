using Bramble.Api.Naming;

namespace Bramble.Api.Catalog;

/// <summary>A subresource as discovery shows it. <c>Kind</c> is what it takes and answers (<c>autoscaling/v1 Scale</c> for <c>deployments/scale</c>).</summary>
public sealed record ApiSubresource(string Name, GroupVersionKind Kind, IReadOnlyList<string> Verbs);

/// <summary>A resource in one version of a group: built in, or made from a CustomResourceDefinition. Immutable.</summary>
public sealed record ApiResource
{
    public required string Group { get; init; }
    public required string Version { get; init; }
    public required string Plural { get; init; }
    public required string Singular { get; init; }
    public required string Kind { get; init; }
    public required bool IsNamespaced { get; init; }

    /// <summary>In discovery's order: alphabetical.</summary>
    public required IReadOnlyList<string> Verbs { get; init; }
    public IReadOnlyList<string> ShortNames { get; init; } = [];
    public IReadOnlyList<string> Categories { get; init; } = [];
    public IReadOnlyList<ApiSubresource> Subresources { get; init; } = [];

    /// <summary>Kind of a list of them.</summary>
    public string ListKind { get => field ?? Kind + "List"; init; }

    /// <summary>The form objects are stored in. Versions of one resource share one storage: their <see cref="StoragePrefix"/> and this are equal,
    /// and <see cref="KindConversion"/> translates.</summary>
    public required GroupVersionKind StorageKind { get; init; }

    /// <summary>Upstream's etcd prefix, with a slash at the end: <c>/registry/pods/</c>.</summary>
    public required string StoragePrefix { get; init; }

    /// <summary>Hash that discovery shows; empty for what is not stored (reviews, bindings).</summary>
    public string StorageVersionHash { get; init; } = "";

    /// <summary>Name of the kind's type in the schema: <c>io.k8s.api.core.v1.Pod</c>; empty for a custom resource.</summary>
    public string SchemaType { get; init; } = "";

    /// <summary>False for a custom resource.</summary>
    public bool IsBuiltIn => SchemaType.Length > 0;

    public GroupVersion GroupVersion => new(Group, Version);
    public GroupVersionKind GroupVersionKind => new(Group, Version, Kind);
    public GroupResource GroupResource => new(Group, Plural);

    /// <summary>Objects of it are kept (as opposed to reviews and bindings, which are only answered).</summary>
    public bool IsStored => StorageVersionHash.Length > 0;

    public bool HasVerb(string verb) => Verbs.Contains(verb);

    public ApiSubresource? FindSubresource(string name)
    {
        foreach (var subresource in Subresources)
            if (subresource.Name == name) return subresource;
        return null;
    }

    public override string ToString() => $"{GroupVersion}/{Plural}";
}
