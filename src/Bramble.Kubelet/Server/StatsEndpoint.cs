using Bramble.Kubelet.Stats;
using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>/stats/summary.</summary>
internal sealed class StatsEndpoint(StatsSummary summary) : IKubeletEndpoint
{
    public async Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel)
    {
        if (rest is not ["summary"]) throw new HttpAnswerException(404, "404 page not found");
        http.Response.ContentType = "application/json";
        await http.Response.WriteAsync(summary.Make().ToJsonString(), cancel);
    }
}
