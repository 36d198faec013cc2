namespace Bramble.Kubectl.Resources;

/// <summary>One resource named on the command line; without a name all of it.</summary>
internal sealed record ResourceArgument(KnownResource Resource, string? Name);

/// <summary>Reads <c>pods</c>, <c>pod x y</c>, <c>pod/x svc/y</c>, <c>pods,services</c>, <c>all</c>.</summary>
internal static class ResourceArguments
{
    public static IReadOnlyList<ResourceArgument> Parse(RestMapper mapper, IReadOnlyList<string> words)
    {
        if (words.Count == 0) return [];
        if (words[0].Contains('/'))
        {
            var pairs = new List<ResourceArgument>();
            foreach (var word in words)
            {
                var parts = word.Split('/');
                if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0)
                    throw new CommandFailure(parts.Length == 2 || parts.Length > 2
                        ? "error: arguments in resource/name form must have a single resource and name"
                        : "error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'");
                pairs.Add(new(mapper.Get(parts[0]), parts[1]));
            }
            return pairs;
        }
        var resources = words[0].Split(',').SelectMany(name => mapper.OfCategory(name) is { Count: > 0 } category && mapper.Find(name) is null ? category : [mapper.Get(name)]).ToList();
        if (words.Count == 1) return resources.Select(r => new ResourceArgument(r, null)).ToList();
        if (words.Skip(1).Any(w => w.Contains('/')))
            throw new CommandFailure(
                "error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'");
        return resources.SelectMany(r => words.Skip(1).Select(name => new ResourceArgument(r, name))).ToList();
    }
}
