using System.Text;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary>Named checks behind /healthz, /livez and /readyz, in upstream's text form.</summary>
public sealed class HealthChecks
{
    private readonly List<(string Name, Func<string?> Failure)> _checks = [];

    /// <param name="failure">Null when all is well, else what is wrong. Must be quick.</param>
    public void Add(string name, Func<string?> failure) => _checks.Add((name, failure));

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
            foreach (var (name, failure) in _checks)
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
        foreach (var (name, failure) in _checks)
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
