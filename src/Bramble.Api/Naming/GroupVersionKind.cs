namespace Bramble.Api.Naming;

/// <summary>An API group and version; the core group is the empty string.</summary>
public readonly record struct GroupVersion(string Group, string Version)
{
    /// <summary><c>v1</c> or <c>apps/v1</c>, as in <c>apiVersion</c>.</summary>
    public override string ToString() => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>Reads an <c>apiVersion</c>; false when it has more than one slash.</summary>
    public static bool TryParse(string apiVersion, out GroupVersion groupVersion)
    {
        var slash = apiVersion.IndexOf('/');
        groupVersion = slash < 0 ? new("", apiVersion) : new(apiVersion[..slash], apiVersion[(slash + 1)..]);
        return slash < 0 || apiVersion.IndexOf('/', slash + 1) < 0;
    }
}

/// <summary>A kind in a version of a group: what <c>apiVersion</c> and <c>kind</c> say together.</summary>
public readonly record struct GroupVersionKind(string Group, string Version, string Kind)
{
    public GroupVersion GroupVersion => new(Group, Version);

    /// <summary>As upstream prints it in messages: <c>apps/v1, Kind=Deployment</c>.</summary>
    public override string ToString() => $"{GroupVersion}, Kind={Kind}";
}

/// <summary>A resource of a group, whatever the version: <c>deployments.apps</c>.</summary>
public readonly record struct GroupResource(string Group, string Resource)
{
    public override string ToString() => Group.Length == 0 ? Resource : $"{Resource}.{Group}";
}

/// <summary>Namespace and name of an object; the namespace of a cluster-scoped object is the empty string.</summary>
public readonly record struct NamespacedName(string Namespace, string Name)
{
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}
