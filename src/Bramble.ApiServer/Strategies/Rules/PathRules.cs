using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>File paths in API objects.</summary>
internal static class PathRules
{
    public static void NoBacksteps(string target, FieldPath path, FieldErrors errors)
    {
        if (HasBackstep(target)) errors.Invalid(path, target, "must not contain '..'");
    }

    public static bool HasBackstep(string target) => target.Contains("..", StringComparison.Ordinal) && target.Split('/').Contains("..");

    public static void LocalDescending(string target, FieldPath path, FieldErrors errors)
    {
        if (target.StartsWith('/')) errors.Invalid(path, target, "must be a relative path");
        NoBacksteps(target, path, errors);
    }

    public static void LocalNonReserved(string target, FieldPath path, FieldErrors errors)
    {
        LocalDescending(target, path, errors);
        if (target.StartsWith("..", StringComparison.Ordinal) && !target.StartsWith("../", StringComparison.Ordinal)) errors.Invalid(path, target, "must not start with '..'");
    }
}
