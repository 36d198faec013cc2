using System.Text;
using Bramble.Kubelet.Server;
using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Tests.Server;

public sealed class SystemLogsEndpointTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("bramble-test-").FullName;

    public SystemLogsEndpointTests()
    {
        File.WriteAllText(Path.Combine(_root, "sys<log"), "hello\n");
        Directory.CreateDirectory(Path.Combine(_root, "pods"));
        File.WriteAllText(Path.Combine(_root, "pods", "0.log"), "of a pod\n");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData("/logs/", "200 <!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n<a href=\"pods/\">pods/</a>\n<a href=\"sys%3Clog\">sys&lt;log</a>\n</pre>\n")]
    [InlineData("/logs/sys<log", "200 hello\n")]
    [InlineData("/logs/pods/0.log", "200 of a pod\n")]
    [InlineData("/logs/pods", "301 to pods/")]
    [InlineData("/logs", "301 to logs/")]
    [InlineData("/logs/pods/0.log/", "404 404 page not found")]
    [InlineData("/logs/none", "404 404 page not found")]
    [InlineData("/logs/../etc/passwd", "400 invalid URL path")]
    public async Task Files_are_shown_and_folders_listed(string path, string expected)
    {
        var http = new DefaultHttpContext { Request = { Method = "GET", Path = path }, Response = { Body = new MemoryStream() } };
        string answer;
        try
        {
            await new SystemLogsEndpoint(_root).HandleAsync(http, path.Split('/', StringSplitOptions.RemoveEmptyEntries)[1..], TestContext.Current.CancellationToken);
            answer = $"{http.Response.StatusCode} " + (http.Response.Headers.Location is [{ } location] ? $"to {location}" : Encoding.UTF8.GetString(((MemoryStream)http.Response.Body).ToArray()));
        }
        catch (HttpAnswerException refused)
        {
            answer = $"{refused.Code} {refused.Message}";
        }
        Assert.Equal(expected, answer);
    }
}
