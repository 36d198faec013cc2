using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>The names of a claim's requests, and of the alternatives of each: <c>gpu</c>, <c>gpu/small</c>.</summary>
internal sealed class RequestNames
{
    private readonly Dictionary<string, HashSet<string>> _alternatives = new(StringComparer.Ordinal);

    public RequestNames(JsonObject? devices)
    {
        foreach (var (_, request) in devices.Items("requests"))
        {
            var names = new HashSet<string>(StringComparer.Ordinal);
            foreach (var (_, alternative) in request.Items("firstAvailable")) names.Add(alternative.Text("name"));
            _alternatives[request.Text("name")] = names;
        }
    }

    public void Validate(string name, FieldPath path, FieldErrors errors)
    {
        var segments = name.Split('/');
        if (segments.Length <= 2)
            foreach (var segment in segments) DeviceNameRules.Label(segment, path, errors);
        if (!Has(segments)) errors.Invalid(path, name, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'");
    }

    private bool Has(string[] segments) =>
        segments.Length <= 2 && _alternatives.TryGetValue(segments[0], out var alternatives) && (segments.Length == 1 || alternatives.Contains(segments[1]));
}
