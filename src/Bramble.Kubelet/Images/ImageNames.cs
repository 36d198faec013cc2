namespace Bramble.Kubelet.Images;

/// <summary>Names of images as people write them and as registries know them. Pure.</summary>
internal static class ImageNames
{
    /// <summary>With <c>:latest</c> where neither tag nor digest is given. Null: not a name.</summary>
    public static string? WithDefaultTag(string image)
    {
        if (image.Length == 0 || image.Any(c => char.IsWhiteSpace(c)) || image.StartsWith('/') || image.Contains("//", StringComparison.Ordinal)) return null;
        var path = image.Split('@')[0];
        var repository = path[..(TagStart(path) ?? path.Length)];
        var slash = repository.IndexOf('/');
        // The registry may have upper case letters, the repository may not.
        var remote = slash >= 0 && IsHost(repository[..slash]) ? repository[(slash + 1)..] : repository;
        if (remote.Any(char.IsUpper) || remote.Length == 0) return null;
        return image.Contains('@') || TagStart(path) is not null ? image : image + ":latest";
    }

    /// <summary>Registry and repository: <c>nginx:1</c> → docker.io, library/nginx.</summary>
    public static (string Registry, string Repository) Split(string image)
    {
        var path = image.Split('@')[0];
        path = path[..(TagStart(path) ?? path.Length)];
        var slash = path.IndexOf('/');
        if (slash < 0) return ("docker.io", "library/" + path);
        var first = path[..slash];
        return IsHost(first) ? (first, path[(slash + 1)..]) : ("docker.io", path);
    }

    private static bool IsHost(string first) => first == "localhost" || first.Contains('.') || first.Contains(':');

    private static int? TagStart(string path)
    {
        var colon = path.LastIndexOf(':');
        return colon > path.LastIndexOf('/') ? colon : null;
    }
}
