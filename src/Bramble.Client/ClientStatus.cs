using Bramble.Api.Errors;
using Bramble.Api.Naming;

namespace Bramble.Client;

/// <summary>Errors in client-go's words, for an answer that says nothing itself (a page in place of a Status).</summary>
public static class ClientStatus
{
    /// <param name="name">Empty: of a list.</param>
    public static StatusException NotFound(string verb, GroupResource resource, string name) => new(new Status(
        404, "NotFound", $"the server could not find the requested resource ({verb} {resource}{(name.Length > 0 ? " " + name : "")})"));
}
