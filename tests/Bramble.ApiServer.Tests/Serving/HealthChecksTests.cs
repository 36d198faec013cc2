using Bramble.ApiServer.Serving;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Tests.Serving;

/// <summary>What /livez and /readyz say.</summary>
public class HealthChecksTests
{
    /// <summary>The path, the query, what fails (empty: nothing), the code and the text.</summary>
    public static TheoryData<string, string, string, int, string> Questions => new()
    {
        { "/readyz", "", "", 200, "ok" },
        { "/readyz", "?verbose", "", 200, "[+]ping ok\n[+]informer-sync ok\n[+]shutdown ok\nreadyz check passed\n" },
        { "/livez", "?verbose", "", 200, "[+]ping ok\n[+]poststarthook/a/b ok\nlivez check passed\n" },
        { "/livez/poststarthook/a/b", "", "", 200, "ok" },
        { "/readyz/shutdown", "", "readyz", 500, "internal server error: stopping\n" },
        { "/readyz", "", "readyz", 500, "[+]ping ok\n[-]informer-sync failed: reason withheld\n[-]shutdown failed: reason withheld\nreadyz check failed\n" },
        { "/livez/shutdown", "", "", 404, "404 page not found\n" },
        { "/readyz", "?verbose&exclude=informer-sync&exclude=x", "", 200, "[+]ping ok\n[+]informer-sync excluded: ok\n[+]shutdown ok\nwarn: some health checks cannot be excluded: no matches for \"x\"\nreadyz check passed\n" },
    };

    [Theory]
    [MemberData(nameof(Questions))]
    public async Task Are_answered_all_or_singly(string path, string query, string failing, int code, string text)
    {
        var checks = new HealthChecks();
        checks.Add("ping", () => null);
        checks.AddNames(["/readyz/ping", "/readyz/informer-sync", "/readyz/shutdown", "/livez/poststarthook/a/b", "/readyz", "/version"], endpoint => endpoint == failing ? "stopping" : null);
        Assert.Equal((code, text), await AskAsync(checks, path, query));
    }

    [Fact]
    public async Task Are_counted_for_the_metrics()
    {
        var checks = new HealthChecks();
        var fails = false;
        checks.Add("ping", () => fails ? "no" : null);
        Assert.Equal("", checks.Metrics());
        foreach (var next in (bool[])[false, false, true])
        {
            fails = next;
            await AskAsync(checks, "/livez");
        }
        var lines = checks.Metrics().Split('\n').Where(line => line is not ("" or ['#', ..]));
        Assert.Equal(
            ["kubernetes_healthcheck{name=\"ping\",type=\"livez\"} 0", "kubernetes_healthchecks_total{name=\"ping\",status=\"error\",type=\"livez\"} 1", "kubernetes_healthchecks_total{name=\"ping\",status=\"success\",type=\"livez\"} 2"],
            lines);
    }

    private static async Task<(int Code, string Text)> AskAsync(HealthChecks checks, string path, string query = "")
    {
        var http = new DefaultHttpContext();
        http.Request.Path = path;
        http.Request.QueryString = new QueryString(query);
        using var body = new MemoryStream();
        http.Response.Body = body;
        await checks.AnswerAsync(http, path.Split('/')[1], TestContext.Current.CancellationToken);
        return (http.Response.StatusCode, System.Text.Encoding.UTF8.GetString(body.ToArray()));
    }
}
