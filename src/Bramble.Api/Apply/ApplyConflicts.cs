using Bramble.Api.Errors;

namespace Bramble.Api.Apply;

/// <summary>The 409 of an apply that would change fields of others.</summary>
internal static class ApplyConflicts
{
    public static StatusException Refuse(IReadOnlyList<(ManagerId Id, FieldSet Fields)> conflicts)
    {
        var paths = conflicts.SelectMany(c => c.Fields.Paths().Select(p => (c.Id, Path: string.Concat(p.Select(PathElement.Show))))).ToList();
        var causes = paths.Select(p => new StatusCause("FieldManagerConflict", $"conflict with {p.Id.Show()}", p.Path)).ToList();
        string message;
        if (paths.Count == 1)
        {
            message = $"Apply failed with 1 conflict: conflict with {paths[0].Id.Show()}: {paths[0].Path}";
        }
        else
        {
            var lines = paths.GroupBy(p => p.Id).SelectMany(g => g.Select(p => $"- {p.Path}").Prepend($"conflicts with {g.Key.Show()}:"));
            message = $"Apply failed with {paths.Count} conflicts: {string.Join("\n", lines)}";
        }
        return new StatusException(new Status(409, "Conflict", message, new StatusDetails(Causes: causes)));
    }
}
