using Bramble.Api.Naming;

namespace Bramble.Client;

/// <summary>A resource as a client addresses it: group, version, plural name, scope.</summary>
public record ResourceId(string Group, string Version, string Plural, string Kind, bool IsNamespaced)
{
    public GroupResource GroupResource => new(Group, Plural);
    public string ApiVersion => new GroupVersion(Group, Version).ToString();

    /// <summary>Path of the collection (<paramref name="ns"/> empty: all namespaces or cluster scope) or of one object.</summary>
    public string Path(string ns, string? name = null, string? subresource = null)
    {
        var path = (Group.Length == 0 ? $"/api/{Version}" : $"/apis/{Group}/{Version}") + (IsNamespaced && ns.Length > 0 ? $"/namespaces/{ns}" : "") + $"/{Plural}";
        if (name is not null) path += $"/{Uri.EscapeDataString(name)}";
        return subresource is null ? path : $"{path}/{subresource}";
    }
}

/// <summary>A resource with the model class of the official client.</summary>
public sealed record Resource<T>(string Group, string Version, string Plural, string Kind, bool IsNamespaced)
    : ResourceId(Group, Version, Plural, Kind, IsNamespaced);
