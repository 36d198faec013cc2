using System.Buffers;
using System.Globalization;
using System.Text.RegularExpressions;
using Bramble.Api.Errors;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Verbs;
using Bramble.Storage;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bramble.ApiServer.Serving;

/// <summary>One HTTP request from first to last byte: authenticate, impersonate, authorize, route, negotiate, read, execute, write.</summary>
internal sealed partial class RequestHandler(ApiPipeline pipeline, AuthenticationChain authentication, NonResourceRoutes routes, CancellationToken stopping)
{
    // Flow schema and priority level of every request: this server has no queues, clients and tests only look whether they are there.
    private const string FlowUid = "b9d3c8a4-6f0e-4c57-9a51-2f6a7b1f0c11";

    [GeneratedRegex(@"^[-+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))*\z|^[-+]?0\z")]
    private static partial Regex Duration();

    private readonly Impersonation _impersonation = new(pipeline.Authorizer);

    public async Task HandleAsync(HttpContext http)
    {
        var began = pipeline.Time.GetTimestamp();
        var response = http.Response;
        var request = http.Request;
        var audit = request.Headers["Audit-ID"].ToString();
        response.Headers["Audit-Id"] = audit.Length > 0 ? audit : Guid.NewGuid().ToString();
        response.Headers.CacheControl = "no-cache, private";
        var query = QueryParameters.Parse(request.QueryString.Value ?? "");
        var path = RawPath(http);
        var info = RequestInfoReader.Read(request.Method, path, query);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, stopping);
        var warnings = new List<string>();
        try
        {
            var route = info.IsResourceRequest ? null : routes.Find(path);
            if (route is { IsOpen: true })
            {
                await route.Handler(http, UserInfo.Anonymous, ended.Token);
                return;
            }
            var user = Authenticate(http, info, warnings);
            AddWarnings(http, warnings);
            if (route is { AuthorizesItself: true })
            {
                await route.Handler(http, user, ended.Token);
                return;
            }
            response.Headers["X-Kubernetes-Pf-Flowschema-Uid"] = FlowUid;
            response.Headers["X-Kubernetes-Pf-Prioritylevel-Uid"] = FlowUid;
            var api = new ApiRequest { Info = info, User = user, Query = query };
            pipeline.Authorize(api);
            if (pipeline.Aggregator is { } aggregator && aggregator.Find(info) is { } remote)
            {
                await aggregator.ForwardAsync(http, remote, user, ended.Token);
                return;
            }

            if (!info.IsResourceRequest)
            {
                await NonResourceAsync(http, user, path, ended.Token);
                return;
            }
            CheckTimeout(info, query);
            await ResourceAsync(http, info, user, query, warnings, ended);
        }
        catch (StatusException e)
        {
            await RefuseAsync(http, e.Status, warnings, ended.Token);
        }
        catch (StoreUnavailableException e)
        {
            await RefuseAsync(http, StatusErrors.Internal(e.Message).Status, warnings, ended.Token);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            http.Abort(); // the client is gone or the server stops
        }
        catch (Exception e) when (e is ConnectionResetException or ConnectionAbortedException or BadHttpRequestException)
        {
            http.Abort();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            ServingLog.RequestFailed(pipeline.Log, e, request.Method, path);
            await RefuseAsync(http, StatusErrors.Internal($"this request caused apiserver to panic. Look in the logs for details").Status, warnings, ended.Token);
        }
        finally
        {
            pipeline.Metrics.Record(info, response.StatusCode, pipeline.Time.GetElapsedTime(began));
        }
    }

    private UserInfo Authenticate(HttpContext http, RequestInfo info, List<string> warnings)
    {
        var certificate = http.Connection.ClientCertificate;
        var answer = authentication.Authenticate(certificate, http.Request.Headers);
        if (answer.Warning is { } warning) warnings.Add(warning);
        if (answer.User is not { } user) throw StatusErrors.Unauthorized();
        return _impersonation.Apply(AccessRules.AttributesOf(info, user), http.Request.Headers);
    }

    private async Task NonResourceAsync(HttpContext http, UserInfo user, string path, CancellationToken cancel)
    {
        if (routes.Find(path) is { } route)
        {
            await route.Handler(http, user, cancel);
            return;
        }
        await PageNotFoundAsync(http, cancel);
    }

    private static async Task PageNotFoundAsync(HttpContext http, CancellationToken cancel)
    {
        http.Response.StatusCode = 404;
        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.Headers["X-Content-Type-Options"] = "nosniff";
        await http.Response.WriteAsync(Router.PageNotFoundText + "\n", cancel);
    }

    private async Task ResourceAsync(
        HttpContext http, RequestInfo info, UserInfo user, QueryParameters query, List<string> warnings, CancellationTokenSource ended)
    {
        var cancel = ended.Token;
        var request = http.Request;
        var routed = new ApiRequest { Info = info, User = user, Query = query };
        foreach (var group in pipeline.VirtualGroups)
        {
            if (group.Discovery.Group != info.Group || group.Discovery.Version != info.Version) continue;
            var plain = MediaTypes.Negotiate(request.Headers.Accept.ToString(), mayStream: false, Transforms.None, hasProtobuf: false);
            await AnswerWriter.WriteTreeAsync(http, 200, await group.AnswerAsync(routed, cancel), plain, cancel);
            return;
        }
        var route = pipeline.Route(routed, request.Method);
        if (route.Streaming is { } streaming)
        {
            if (streaming.IsConnect) await pipeline.ConnectAsync(route, routed, cancel);
            await streaming.HandleAsync(routed, http, cancel);
            return;
        }
        var isRead = info.Verb is "get" or "list" or "watch";
        var form = MediaTypes.Negotiate(
            request.Headers.Accept.ToString(),
            mayStream: info.Verb is "list" or "watch",
            route.AnswersObjects ? Transforms.Objects : Transforms.None,
            hasProtobuf: route.Resource.Api.IsBuiltIn);
        if (info.Verb == "watch") MediaTypes.CheckStream(form);
        if (form.Transform == AnswerTransform.Table) TableForm.Check(http);
        ReadOnlyMemory<byte> body = default;
        if (!isRead)
        {
            if (info.Verb is "create" or "update") RequestBody.CheckMediaType(request.ContentType ?? "");
            body = await ReadBodyAsync(http, cancel);
        }
        var api = new ApiRequest
        {
            Info = info,
            User = user,
            Query = query,
            ContentType = request.ContentType ?? "",
            UserAgent = request.Headers.UserAgent.ToString(),
            Body = body,
        };
        api.Warnings.AddRange(warnings);
        if (!route.IsWatch) ended.CancelAfter(pipeline.Options.RequestTimeout);
        try
        {
            var answer = await pipeline.ExecuteAsync(route, api, cancel);
            AddWarnings(http, api.Warnings);
            if (answer is WatchAnswer watch) await new WatchWriter(http, watch, form).RunAsync(cancel);
            else await AnswerWriter.WriteAsync(http, answer, form, cancel);
        }
        catch (StatusException e) when (!http.Response.HasStarted)
        {
            AddWarnings(http, api.Warnings);
            await AnswerWriter.WriteStatusAsync(http, e.Status, form.Format, cancel);
        }
    }

    private static async Task RefuseAsync(HttpContext http, Status status, List<string> warnings, CancellationToken cancel)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }
        if (ReferenceEquals(status.Message, Router.PageNotFoundText))
        {
            await PageNotFoundAsync(http, cancel);
            return;
        }
        AddWarnings(http, warnings);
        if (HttpMethods.IsHead(http.Request.Method)) http.Response.Headers.Remove("X-Kubernetes-Pf-Flowschema-Uid");
        await AnswerWriter.WriteStatusAsync(http, status, MediaTypes.OfError(http.Request.Headers.Accept.ToString()), cancel);
    }

    /// <summary>The path as sent, decoded once: a %2F in a name stays one segment's text, as upstream's router sees it.</summary>
    private static string RawPath(HttpContext http)
    {
        var target = http.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        if (target.Length == 0 || target[0] != '/') return http.Request.Path.Value ?? "/";
        var question = target.IndexOf('?');
        var path = question < 0 ? target : target[..question];
        return path.Contains('%') ? Uri.UnescapeDataString(path) : path;
    }

    private static void CheckTimeout(RequestInfo info, QueryParameters query)
    {
        if (info.Verb is "watch" or "proxy" || query.Find("timeout") is not { Length: > 0 } timeout) return;
        if (!Duration().IsMatch(timeout)) throw StatusErrors.BadRequest($"invalid timeout specified in the request URL - time: invalid duration {FieldError.Quote(timeout)}");
    }

    /// <summary>Reads the body, at most the limit; 413 beyond.</summary>
    private async Task<ReadOnlyMemory<byte>> ReadBodyAsync(HttpContext http, CancellationToken cancel)
    {
        var limit = pipeline.Options.RequestBytesMax;
        if (http.Request.ContentLength > limit) throw TooLarge(limit);
        if (http.Request.ContentLength is 0) return default;
        var reader = http.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(cancel);
            if (read.Buffer.Length > limit) throw TooLarge(limit);
            if (read.IsCompleted)
            {
                var body = read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                return body;
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static StatusException TooLarge(int limit) =>
        new(new Status(413, "RequestEntityTooLarge", string.Create(CultureInfo.InvariantCulture, $"Request entity too large: limit is {limit}")));

    private static void AddWarnings(HttpContext http, List<string> warnings)
    {
        if (warnings.Count > 0 && !http.Response.HasStarted) http.Response.Headers.Warning = WarningHeaders.Of(warnings);
    }
}
