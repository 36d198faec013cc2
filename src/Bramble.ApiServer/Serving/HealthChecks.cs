using System.Text;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary>Named checks behind /healthz, /livez and /readyz, in upstream's text form.</summary>
public sealed class HealthChecks
{
    private readonly List<(string Name, Func<string?> Failure)> _checks = [];
    private readonly Dictionary<string, List<string>> _names = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, Tally> _tallies = new(StringComparer.Ordinal);
    private Func<string, string?> _namedFailure = _ => null;

    /// <summary>How often a check of an endpoint went well and not, and whether it did last.</summary>
    private sealed class Tally
    {
        public long Well;
        public long Badly;
        public bool IsWell;
    }

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
            var isWell = failure() is null;
            Count(endpoint, name, isWell);
            if (isWell) text.Append($"[+]{name} ok\n");
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

    /// <summary>What <c>/metrics/slis</c> says (KEP-3466): the results of the checks that the endpoints have made.</summary>
    public string Metrics()
    {
        var (last, total) = (new StringBuilder(), new StringBuilder());
        lock (_tallies)
        {
            foreach (var (labels, tally) in _tallies)
            {
                last.Append($"kubernetes_healthcheck{{{labels}}} {(tally.IsWell ? 1 : 0)}\n");
                var (name, type) = (labels[..labels.IndexOf(',', StringComparison.Ordinal)], labels[(labels.IndexOf(',', StringComparison.Ordinal) + 1)..]);
                if (tally.Badly > 0) total.Append($"kubernetes_healthchecks_total{{{name},status=\"error\",{type}}} {tally.Badly}\n");
                if (tally.Well > 0) total.Append($"kubernetes_healthchecks_total{{{name},status=\"success\",{type}}} {tally.Well}\n");
            }
        }
        if (last.Length == 0) return "";
        return "# HELP kubernetes_healthcheck [STABLE] This metric records the result of a single healthcheck.\n# TYPE kubernetes_healthcheck gauge\n" + last
            + "# HELP kubernetes_healthchecks_total [STABLE] This metric records the results of all healthcheck.\n# TYPE kubernetes_healthchecks_total counter\n" + total;
    }

    private void Count(string endpoint, string name, bool isWell)
    {
        lock (_tallies)
        {
            var labels = $"name=\"{name}\",type=\"{endpoint}\"";
            if (!_tallies.TryGetValue(labels, out var tally)) _tallies[labels] = tally = new Tally();
            if (isWell) tally.Well++;
            else tally.Badly++;
            tally.IsWell = isWell;
        }
    }
}
