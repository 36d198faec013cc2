using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Bramble.Scheduler.Tests.Extenders;

/// <summary>An extender that answers as a test says and remembers what it was asked.</summary>
internal sealed class StandInExtender : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Func<string, JsonObject, (int Code, string Answer)> _answer;

    private StandInExtender(Func<string, JsonObject, (int, string)> answer, X509Certificate2? certificate)
    {
        _answer = answer;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(o => o.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null) listen.UseHttps(certificate);
        }));
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public ConcurrentQueue<(string Verb, JsonObject Body)> Asked { get; } = [];

    /// <summary>With a prefix and without a slash at its end.</summary>
    public string Url => $"{_app.Urls.Single()}/prefix";

    /// <param name="answer">By verb and body: status code and JSON.</param>
    public static async Task<StandInExtender> StartAsync(Func<string, JsonObject, (int Code, string Answer)> answer, X509Certificate2? certificate = null)
    {
        var extender = new StandInExtender(answer, certificate);
        await extender._app.StartAsync();
        return extender;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var body = JsonNode.Parse(await reader.ReadToEndAsync())!.AsObject();
        Assert.Equal(("POST", "application/json"), (context.Request.Method, context.Request.ContentType));
        var verb = context.Request.Path.Value!["/prefix/".Length..];
        Asked.Enqueue((verb, body));
        var (code, answer) = _answer(verb, body);
        context.Response.StatusCode = code;
        await context.Response.WriteAsync(answer);
    }
}
