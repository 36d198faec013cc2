namespace Bramble.ApiServer.Requests;

/// <summary>Reads <see cref="RequestInfo"/> from method, path and query. Behaviour of apiserver's RequestInfoFactory.</summary>
internal static class RequestInfoReader
{
    /// <param name="path">Decoded path, starting with a slash.</param>
    public static RequestInfo Read(string method, string path, QueryParameters query)
    {
        var plain = new RequestInfo(false, path, method.ToLowerInvariant());
        var parts = path.Trim('/').Split('/');
        if (path.Length <= 1 || parts.Length < 3 || parts[0] is not ("api" or "apis")) return plain;
        var prefix = parts[0];
        var group = "";
        var at = 1;
        if (prefix == "apis")
        {
            if (parts.Length < 4) return plain with { ApiPrefix = prefix };
            group = parts[at++];
        }
        var version = parts[at++];
        var verb = method switch { "POST" => "create", "GET" or "HEAD" => "get", "PUT" => "update", "PATCH" => "patch", "DELETE" => "delete", _ => "" };
        var ns = "";
        if (parts[at] is "proxy" or "watch")
        {
            if (parts.Length < at + 2) return plain with { ApiPrefix = prefix };
            verb = parts[at++];
        }
        var rest = parts.AsSpan(at);
        if (rest[0] == "namespaces")
        {
            if (rest.Length > 1)
            {
                ns = rest[1];
                // What follows the namespace is a resource in it, unless it is the namespace's own subresource.
                if (rest.Length > 2 && rest[2] is not ("status" or "finalize")) rest = rest[2..];
            }
        }
        var resource = rest[0];
        var name = rest.Length > 1 ? rest[1] : "";
        var subresource = rest.Length > 2 && verb != "proxy" ? rest[2] : "";
        if (name.Length == 0 && verb == "get")
            verb = query.IsTrue("watch") ? "watch" : "list";
        else if (name.Length == 0 && verb == "delete")
            verb = "deletecollection";
        // A list or watch of one name by field selector is about that name: authorization by resourceNames works.
        if (verb is "list" or "watch" or "deletecollection" && name.Length == 0 && NameOfFieldSelector(query["fieldSelector"]) is { } selected) name = selected;
        return new RequestInfo(true, path, verb, prefix, group, version, ns, resource, subresource, name, rest.ToArray());
    }

    /// <summary>The one name that a field selector leaves; null: it leaves several.</summary>
    public static string? NameOfFieldSelector(string selector)
    {
        foreach (var term in selector.Split(','))
        {
            var value = term.StartsWith("metadata.name==", StringComparison.Ordinal) ? term[15..]
                : term.StartsWith("metadata.name=", StringComparison.Ordinal) ? term[14..]
                : null;
            if (value is { Length: > 0 } && !value.Contains('/') && !value.Contains('%') && value is not ("." or "..")) return value;
        }
        return null;
    }
}
