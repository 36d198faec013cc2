using System.Text;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary>Named checks behind /healthz, /livez and /readyz, in upstream's text form.</summary>
public sealed class HealthChecks
{
    private readonly List<(string Name, Func<string?> Failure)> _checks = [];
    private readonly Dictionary<string, List<string>> _names = new(StringComparer.Ordinal);
    private Func<string, string?> _namedFailure = _ => null;

    /// <param name="failure">Null when all is well, else what is wrong. Must be quick.</param>
    public void Add(string name, Func<string?> failure) => _checks.Add((name, failure));

    /// <summary>Upstream's names of steps that here are one: probes ask for them singly.</summary>
    /// <param name="paths">As <c>/readyz/informer-sync</c>; others are left out.</param>
    /// <param name="failure">By endpoint (<c>readyz</c>): what is wrong with all of them.</param>
    public void AddNames(IEnumerable<string> paths, Func<string, string?> failure)
    {
        _namedFailure = failure;
        foreach (var path in paths)
        {
            var parts = path.Split('/', 3);
            if (parts is not ["", "healthz" or "livez" or "readyz", var name] || _checks.Exists(check => check.Name == name)) continue;
            if (!_names.TryGetValue(parts[1], out var names)) _names[parts[1]] = names = [];
            names.Add(name);
        }
    }

    private List<(string Name, Func<string?> Failure)> Of(string endpoint)
    {
        var all = new List<(string Name, Func<string?> Failure)>(_checks);
        foreach (var name in _names.GetValueOrDefault(endpoint, [])) all.Add((name, () => _namedFailure(endpoint)));
        return all;
    }

    /// <summary>Answers <c>/healthz</c> (all checks; <c>?verbose</c>, <c>?exclude=</c>) and <c>/healthz/NAME</c>.</summary>
    internal async Task AnswerAsync(HttpContext http, string endpoint, CancellationToken cancel)
    {
        var path = http.Request.Path.Value ?? "";
        var response = http.Response;
        response.ContentType = "text/plain; charset=utf-8";
        response.Headers["X-Content-Type-Options"] = "nosniff";
        if (path.Length > endpoint.Length + 2)
        {
            var single = path[(endpoint.Length + 2)..];
            foreach (var (name, failure) in Of(endpoint))
            {
                if (name != single) continue;
                var why = failure();
                response.StatusCode = why is null ? 200 : 500;
                await response.WriteAsync(why is null ? "ok" : $"internal server error: {why}\n", cancel);
                return;
            }
            response.StatusCode = 404;
            await response.WriteAsync("404 page not found\n", cancel);
            return;
        }
        var excluded = http.Request.Query["exclude"].ToHashSet();
        var text = new StringBuilder();
        var failed = new List<string>();
        foreach (var (name, failure) in Of(endpoint))
        {
            if (excluded.Remove(name))
            {
                text.Append($"[+]{name} excluded: ok\n");
                continue;
            }
            if (failure() is null) text.Append($"[+]{name} ok\n");
            else
            {
                text.Append($"[-]{name} failed: reason withheld\n");
                failed.Add(name);
            }
        }
        if (excluded.Count > 0) text.Append($"warn: some health checks cannot be excluded: no matches for {string.Join(',', excluded.Order().Select(e => $"\"{e}\""))}\n");
        if (failed.Count > 0)
        {
            response.StatusCode = 500;
            await response.WriteAsync($"{text}{endpoint} check failed\n", cancel);
            return;
        }
        response.StatusCode = 200;
        await response.WriteAsync(http.Request.Query.ContainsKey("verbose") ? $"{text}{endpoint} check passed\n" : "ok", cancel);
    }
}
