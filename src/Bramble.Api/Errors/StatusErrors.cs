using Bramble.Api.Naming;

namespace Bramble.Api.Errors;

/// <summary>Makes upstream's Status errors (behaviour of apimachinery's api/errors).</summary>
public static class StatusErrors
{
    public static StatusException NotFound(GroupResource resource, string name) =>
        new(new Status(404, "NotFound", $"{resource} \"{name}\" not found", new StatusDetails(name, resource.Group, resource.Resource)));

    public static StatusException AlreadyExists(GroupResource resource, string name) =>
        new(new Status(409, "AlreadyExists", $"{resource} \"{name}\" already exists", new StatusDetails(name, resource.Group, resource.Resource)));

    /// <summary>As <see cref="AlreadyExists"/>, of an object with a generateName, whether the name came of it or not.</summary>
    public static StatusException GeneratedNameExists(GroupResource resource, string name) => new(new Status(
        409, "AlreadyExists", $"{resource} \"{name}\" already exists, the server was not able to generate a unique name for the object",
        new StatusDetails(name, resource.Group, resource.Resource, RetryAfterSeconds: 1)));

    public static StatusException Conflict(GroupResource resource, string name, string why) =>
        new(new Status(409, "Conflict", $"Operation cannot be fulfilled on {resource} \"{name}\": {why}", new StatusDetails(name, resource.Group, resource.Resource)));

    public static StatusException Forbidden(GroupResource resource, string name, string why) =>
        new(new Status(
            403,
            "Forbidden",
            name.Length > 0 ? $"{resource} \"{name}\" is forbidden: {why}" : resource.Resource.Length > 0 ? $"{resource} is forbidden: {why}" : $"forbidden: {why}",
            new StatusDetails(name, resource.Group, resource.Resource)));

    public static StatusException BadRequest(string message) => new(new Status(400, "BadRequest", message));

    public static StatusException Unauthorized() => new(new Status(401, "Unauthorized", "Unauthorized"));

    public static StatusException MethodNotAllowed(GroupResource resource, string verb) =>
        new(new Status(
            405,
            "MethodNotAllowed",
            $"{verb} is not supported on resources of kind \"{resource}\"",
            new StatusDetails(null, resource.Group, resource.Resource)));

    /// <summary>410 with reason Expired: the resourceVersion or continue token is too old.</summary>
    public static StatusException Expired(string message) => new(new Status(410, "Expired", message));

    public static StatusException Internal(string why) =>
        new(new Status(500, "InternalError", $"Internal error occurred: {why}", new StatusDetails(Causes: [new StatusCause("", why)])));

    public static StatusException TooManyRequests(string message, int retryAfterSeconds) =>
        new(new Status(429, "TooManyRequests", message, new StatusDetails(RetryAfterSeconds: retryAfterSeconds)));

    public static StatusException ServiceUnavailable(string message) => new(new Status(503, "ServiceUnavailable", message));

    /// <summary>422 Invalid with one cause an error. <paramref name="kind"/>: group and kind of the object.</summary>
    public static StatusException Invalid(GroupVersionKind kind, string name, IReadOnlyList<FieldError> errors)
    {
        var qualified = kind.Group.Length == 0 ? kind.Kind : $"{kind.Kind}.{kind.Group}";
        var causes = errors.Select(e => new StatusCause(e.Reason, e.Body, e.Field)).ToList();
        // Upstream's aggregate: one message bare, several in brackets, repeated ones once.
        var texts = errors.Select(e => e.ToString()).Distinct(StringComparer.Ordinal).ToList();
        var text = texts.Count switch { 0 => "<nil>", 1 => texts[0], _ => $"[{string.Join(", ", texts)}]" };
        return new(new Status(422, "Invalid", $"{qualified} \"{name}\" is invalid: {text}", new StatusDetails(name, kind.Group, kind.Kind, causes)));
    }
}
