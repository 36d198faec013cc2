using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Bramble.Api.Apply;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Patching;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Aggregation;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Serving;
using Bramble.ApiServer.Strategies;
using Bramble.Client;
using Bramble.Storage;
using Microsoft.Extensions.Logging;

namespace Bramble.ApiServer.Verbs;

/// <summary>Every API request after authentication: authorize, route, decode, strategy, admission, store, watch cache. Knows no HTTP. Thread-safe.</summary>
public sealed class ApiPipeline
{
    private readonly ApiServerParts _parts;
    private readonly TimeProvider _time;
    private readonly Router _router;
    private readonly ReadVerbs _reads;
    private readonly CreateVerb _creates;
    private readonly UpdateVerb _updates;
    private readonly DeleteVerb _deletes;
    private readonly ObjectWriter _writer;

    public ApiPipeline(WatchCache cache, IStore store, ApiServerOptions options, ApiServerParts parts, TimeProvider time, ILoggerFactory logs)
    {
        (Cache, Options, _parts, _time) = (cache, options, parts, time);
        Log = logs.CreateLogger("apiserver");
        Resources = new ResourceTable(cache, parts.Strategies);
        _router = new Router(Resources, parts);
        var objects = new ObjectStore(store, cache);
        _reads = new ReadVerbs(cache, time);
        _creates = new CreateVerb(objects, parts.Admission);
        _updates = new UpdateVerb(objects, cache, parts.Admission, _creates);
        _deletes = new DeleteVerb(objects, cache, parts.Admission);
        _writer = new ObjectWriter(this);
    }

    internal WatchCache Cache { get; }
    internal ApiServerOptions Options { get; }
    internal ResourceTable Resources { get; }
    internal ILogger Log { get; }
    internal TimeProvider Time => _time;
    internal IAuthorizer Authorizer => _parts.Authorizer;
    internal IReadOnlyList<IVirtualGroup> VirtualGroups => _parts.VirtualGroups;
    internal Aggregator? Aggregator => _parts.Aggregator;
    internal RequestMetrics Metrics { get; } = new();

    /// <summary>What the rest of the process adds to <c>/metrics</c>, as Prometheus reads it.</summary>
    public ImmutableArray<Func<string>> OtherMetrics { get; set; } = [];

    /// <summary>Writes on behalf of endpoints that are not requests of their own (the server's own bootstrap and controllers inside it).</summary>
    public IObjectWriter Writer => _writer;

    /// <summary>403 unless the user may do this.</summary>
    internal void Authorize(ApiRequest request) => Authorize(request.Info.Verb is "list" or "watch" or "deletecollection"
        ? AccessRules.AttributesOf(Named(request), request.User, request.Query["fieldSelector"], request.Query["labelSelector"])
        : AccessRules.AttributesOf(request.Info, request.User));

    /// <summary>A list or watch of one name (<c>fieldSelector=metadata.name=x</c>) is authorized by that name, as upstream's RequestInfo has it.</summary>
    private static RequestInfo Named(ApiRequest request)
    {
        const string one = "metadata.name=";
        var selector = request.Query["fieldSelector"];
        return request.Info.Name.Length == 0 && selector.StartsWith(one, StringComparison.Ordinal) && !selector.Contains(',')
            ? request.Info with { Name = selector[one.Length..] }
            : request.Info;
    }

    /// <summary>404 or 405 unless there is such a resource and method.</summary>
    internal Route Route(ApiRequest request, string method)
    {
        var route = _router.Find(request.Info, method);
        CheckSegment("Name", request.Info.Parts is { Count: > 1 } parts ? parts[1] : "");
        CheckSegment("Namespace", route.Resource.IsNamespaced ? request.Info.Namespace : "");
        return route;
    }

    /// <summary>Executes a routed request that is no stream. A refusal is a <see cref="StatusException"/>.</summary>
    internal async ValueTask<ApiAnswer> ExecuteAsync(Route route, ApiRequest request, CancellationToken cancel)
    {
        if (Deprecation(route.Resource) is { } deprecation) request.Warnings.Add(deprecation);
        if (route.Special is { } special) return await SpecialAsync(route, special, request, cancel);
        var resource = route.Resource;
        var name = NameOf(request, resource);
        switch (request.Info.Verb)
        {
            case "get":
                // What very old clients asked for is refused: they would take all of the object for what may be created anew.
                if (RequestOptions.Bool(request.Query, "export") is true) throw StatusErrors.BadRequest("the export parameter, deprecated since v1.14, is no longer supported");
                var found = await _reads.GetAsync(resource, name, request.Query["resourceVersion"], cancel);
                if (route.View is { } view) return ViewAnswer(200, view, resource, found);
                return Answer(200, resource, resource.ToServed(found));
            case "list":
                return await _reads.ListAsync(resource, request.Info.Namespace, ListOptions.Read(request.Query, resource, isWatch: false, PathName(request)), cancel);
            case "watch":
                return await WatchAsync(resource, request, cancel);
            case "create":
                var created = WriteOptions.Read("CreateOptions", request);
                var tree = RequestBody.Decode(request, resource.Type, resource.Kind, created.Validation);
                var context = Context(resource, name, "", request, created);
                return Answer(201, resource, await _creates.CreateAsync(context, Defaulted(resource, tree), isApplied: false, cancel));
            case "update":
                return await UpdateAsync(route, name, request, cancel);
            case "patch":
                return await PatchAsync(route, name, request, cancel);
            case "delete":
                return await DeleteAsync(resource, name, request, cancel);
            case "deletecollection":
                return await DeleteCollectionAsync(resource, request, cancel);
            default:
                throw Router.NotAllowed();
        }
    }

    /// <summary>Upstream's warning of a resource that is going out of use.</summary>
    private static string? Deprecation(ServedResource resource) => (resource.Api.Group, resource.Api.Plural) switch
    {
        ("", "endpoints") => "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
        ("", "componentstatuses") => "v1 ComponentStatus is deprecated in v1.19+",
        _ => resource.Definition?.Warning,
    };

    /// <summary>A delete that names no propagation, of a kind whose dependents are orphaned then.</summary>
    private static void WarnOfOrphans(ServedResource resource, DeleteOptions options, ApiRequest request)
    {
        if (resource.GroupResource is { Group: "batch", Resource: "jobs" } && options is { PropagationPolicy: null, OrphanDependents: null })
            request.Warnings.Add("child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning");
    }

    /// <summary>Runs admission of a connection to a streaming endpoint.</summary>
    internal async ValueTask ConnectAsync(Route route, ApiRequest request, CancellationToken cancel)
    {
        var context = Context(route.Resource, NameOf(request, route.Resource), route.Subresource!.Name, request, new WriteOptions("", false, "", FieldValidation.Ignore, null, []));
        var admission = context.Admission(AdmissionOperation.Connect, null, null, route.Kind);
        await _parts.Admission.MutateAsync(admission, cancel);
        await _parts.Admission.ValidateAsync(admission, cancel);
        context.Take(admission);
    }

    internal WriteContext Context(ServedResource resource, NamespacedName name, string subresource, ApiRequest request, WriteOptions options) =>
        new(resource, name, subresource, request, options, Cache, _time, Authorizer) { Seeded = Options.Seeded };

    internal ValueTask<KubeObject> CreateAsync(WriteContext context, JsonObject served, CancellationToken cancel) =>
        _creates.CreateAsync(context, Defaulted(context.Resource, served), isApplied: false, cancel);

    internal async ValueTask<KubeObject> UpdateAsync(WriteContext context, UpdateTransform transform, CancellationToken cancel) =>
        (await _updates.UpdateAsync(context, transform, mayCreate: false, "", cancel)).Object;

    internal ValueTask<KubeObject> ChangeStoredAsync(WriteContext context, Func<JsonObject, bool> change, CancellationToken cancel) =>
        _updates.ChangeStoredAsync(context, change, cancel);

    internal ValueTask<DeleteResult> DeleteAsync(WriteContext context, DeleteOptions options, CancellationToken cancel) => _deletes.DeleteAsync(context, options, cancel);

    /// <summary>Of the server itself; admission is not asked.</summary>
    /// <exception cref="StatusException">It is not there.</exception>
    internal ValueTask<DeleteResult> DeleteUnaskedAsync(ServedResource resource, NamespacedName name, CancellationToken cancel)
    {
        var request = new ApiRequest { Info = new RequestInfo(false, "", "delete"), User = UserInfo.Loopback };
        var context = Context(resource, name, "", request, new WriteOptions("DeleteOptions", false, "", FieldValidation.Ignore, null, []));
        return _deletes.DeleteAsync(context with { SkipsAdmission = true }, new DeleteOptions(), cancel);
    }

    internal ValueTask<WatchStream> WatchAsync(ServedResource resource, string ns, ListOptions options, TimeSpan timeout, CancellationToken cancel) =>
        _reads.WatchAsync(resource, ns, options, timeout, cancel);

    /// <summary>The kind's defaults, in normal form.</summary>
    internal static JsonObject Defaulted(ServedResource resource, JsonObject served)
    {
        // Defaults are rules of the working version.
        resource.ServedToWorking(served);
        resource.Strategy.Default(served);
        resource.WorkingToServed(served);
        return Normalizer.NormalizeOwn(served, resource.Type);
    }

    private void Authorize(AccessAttributes attributes)
    {
        var answer = _parts.Authorizer.Authorize(attributes);
        if (answer.Decision != AccessDecision.Allow) throw AccessRules.Forbidden(attributes, answer.Reason ?? ""); // default(AccessAnswer) has none
    }

    private static NamespacedName NameOf(ApiRequest request, ServedResource resource) =>
        new(resource.IsNamespaced ? request.Info.Namespace : "", PathName(request));

    private static string PathName(ApiRequest request) => request.Info.Parts is { Count: > 1 } parts ? parts[1] : "";

    private static void CheckSegment(string what, string text)
    {
        if (text.Length == 0) return;
        var wrong = Names.PathSegment(text).ToList();
        if (wrong.Count > 0) throw StatusErrors.BadRequest($"{what} parameter invalid: {FieldError.Quote(text)}: {string.Join(", ", wrong)}");
    }

    private static ObjectAnswer Answer(int code, ServedResource resource, KubeObject obj) => new(code, obj.Json, resource.Kind, obj, resource.Definition is null ? null : resource.Printer);

    private static ObjectAnswer ViewAnswer(int code, ISubresourceView view, ServedResource resource, KubeObject parent) =>
        new(code, TreeText.Write(view.Read(resource.ToWorking(parent))), ScaleView.Kind);

    private async ValueTask<ApiAnswer> WatchAsync(ServedResource resource, ApiRequest request, CancellationToken cancel)
    {
        var options = ListOptions.Read(request.Query, resource, isWatch: true, PathName(request));
        var timeout = options.TimeoutSeconds is > 0 and var seconds
            ? TimeSpan.FromSeconds(Math.Min(seconds, (long)int.MaxValue / 1000))
            : Options.WatchTimeoutMin * (1 + (Options.Seeded ?? Random.Shared).NextDouble());
        return new WatchAnswer(resource, await _reads.WatchAsync(resource, resource.IsNamespaced ? request.Info.Namespace : "", options, timeout, cancel), Resources);
    }

    private async ValueTask<ApiAnswer> UpdateAsync(Route route, NamespacedName name, ApiRequest request, CancellationToken cancel)
    {
        var resource = route.Resource;
        var options = WriteOptions.Read("UpdateOptions", request);
        var subresource = route.Subresource?.Name ?? "";
        var context = Context(resource, name, subresource, request, options);
        if (route.View is { } view)
        {
            var body = RequestBody.Decode(request, BuiltInSchemas.FindKind(route.Kind)!, route.Kind, options.Validation);
            return await UpdateViewAsync(context, view, _ => body, isApply: false, body.Meta().Text("uid"), cancel);
        }
        var obj = RequestBody.Decode(request, resource.Type, resource.Kind, options.Validation);
        ObjectRules.EnsureNamespace(obj, resource, name.Namespace);
        ObjectRules.CheckName(obj, name);
        ObjectRules.DedupOwners(obj, request.Warnings, afterAdmission: false);
        obj = Defaulted(resource, obj);
        var (written, isCreated) = await _updates.UpdateAsync(
            context,
            live =>
            {
                if (live is null) AuthorizeCreate(request);
                var copy = (JsonObject)obj.DeepClone();
                ManagedFields.Update(live, copy, context.FieldWrite);
                return copy;
            },
            resource.Strategy.AllowsCreateOnUpdate && subresource.Length == 0,
            obj.Meta().Text("uid"),
            cancel);
        return Answer(isCreated ? 201 : 200, resource, written);
    }

    private async ValueTask<ApiAnswer> PatchAsync(Route route, NamespacedName name, ApiRequest request, CancellationToken cancel)
    {
        var resource = route.Resource;
        var media = request.ContentType.Split(';')[0];
        var isApply = media == "application/apply-patch+yaml";
        Bramble.Api.Patching.PatchType? type = media switch
        {
            "application/json-patch+json" => Bramble.Api.Patching.PatchType.Json,
            "application/merge-patch+json" => Bramble.Api.Patching.PatchType.Merge,
            "application/strategic-merge-patch+json" when resource.Api.IsBuiltIn => Bramble.Api.Patching.PatchType.Strategic,
            _ => null,
        };
        if (type is null && !isApply) throw new StatusException(new Status(415, "UnsupportedMediaType", "415: Unsupported Media Type", new StatusDetails()));
        var options = WriteOptions.Read("PatchOptions", request, isApply);
        var subresource = route.Subresource?.Name ?? "";
        var context = Context(resource, name, subresource, request, options);
        var body = request.Tree is { } tree ? TreeText.Write(tree) : request.Body;
        var schema = route.View is null ? resource.Type : BuiltInSchemas.FindKind(route.Kind)!;
        var shownWarnings = request.Warnings.Count;

        // A patch may be computed more than once, when somebody else was faster: its warnings count once.
        void Warn(IReadOnlyList<string> warnings)
        {
            request.Warnings.RemoveRange(shownWarnings, request.Warnings.Count - shownWarnings);
            request.Warnings.AddRange(warnings);
        }

        JsonObject Patched(JsonObject live)
        {
            if (isApply) return Applied(live);
            var patched = ObjectPatcher.Patch(live, body, type!.Value, schema, route.Kind, options.Validation);
            Warn(patched.Warnings);
            return patched.Tree;
        }

        JsonObject Applied(JsonObject? live)
        {
            var (applied, warnings) = ApplyConfiguration.Decode(body, options.Validation);
            var result = ManagedFields.Apply(live, applied, context.FieldWrite with { Type = schema, Kind = route.Kind }, options.Force ?? false);
            Warn(warnings);
            return result;
        }

        if (route.View is { } view) return await UpdateViewAsync(context, view, Patched, isApply, uid: "", cancel);
        var (written, isCreated) = await _updates.UpdateAsync(
            context,
            live =>
            {
                JsonObject obj;
                if (live is null)
                {
                    AuthorizeCreate(request);
                    obj = Defaulted(resource, Applied(null));
                }
                else
                {
                    obj = Defaulted(resource, Patched(live));
                    if (!isApply) ManagedFields.Update(live, obj, context.FieldWrite);
                }
                ObjectRules.EnsureNamespace(obj, resource, name.Namespace);
                ObjectRules.CheckName(obj, name);
                return obj;
            },
            mayCreate: isApply && subresource.Length == 0,
            uid: "",
            cancel);
        return Answer(isCreated ? 201 : 200, resource, written);
    }

    /// <summary>Writes a view's fields into its parent.</summary>
    private async ValueTask<ApiAnswer> UpdateViewAsync(WriteContext context, ISubresourceView view, Func<JsonObject, JsonObject> change, bool isApply, string uid, CancellationToken cancel)
    {
        var resource = context.Resource;
        var write = context.FieldWrite with { Type = BuiltInSchemas.FindKind(ScaleView.Kind)!, Kind = ScaleView.Kind };
        var (parent, _) = await _updates.UpdateAsync(
            context,
            live =>
            {
                var liveMeta = live!.Meta();
                var shown = view.ReadForWrite(live!);
                if (ScaleFields.ToScale(liveMeta["managedFields"], view.ReplicasPath) is { Count: > 0 } owners) shown.Meta()["managedFields"] = owners;
                var changed = change(shown);
                if (!isApply) ManagedFields.Update(shown, changed, write);
                var meta = changed.Meta();
                ObjectRules.CheckName(changed, context.Name);
                // What a patch writes there; custom resources do not ask.
                if (resource.Definition is null && meta.Text("uid") is { Length: > 0 } wanted && wanted != liveMeta.Text("uid"))
                    throw StatusErrors.Conflict(
                        resource.GroupResource with { Resource = $"{resource.GroupResource.Resource}/{view.Subresource}" }, context.Name.Name,
                        $"Precondition failed: UID in precondition: {wanted}, UID in object meta: {liveMeta.Text("uid")}");
                var obj = (JsonObject)live!.DeepClone();
                var errors = new FieldErrors();
                view.Write(changed, obj, errors);
                if (errors.Count > 0) throw StatusErrors.Invalid(resource.Definition is null ? ScaleView.Kind : resource.Kind, context.Name.Name, errors);
                if (meta.Text("resourceVersion") is { Length: > 0 } version) obj.Meta()["resourceVersion"] = version;
                obj.Meta().Remove("managedFields");
                if (ScaleFields.ToParent(liveMeta["managedFields"], meta["managedFields"], view.ReplicasPath, resource.Kind.GroupVersion.ToString()) is { } managed) obj.Meta()["managedFields"] = managed;
                return obj;
            },
            mayCreate: false,
            uid,
            cancel);
        return ViewAnswer(200, view, resource, parent);
    }

    private async ValueTask<ApiAnswer> DeleteAsync(ServedResource resource, NamespacedName name, ApiRequest request, CancellationToken cancel)
    {
        var options = DeleteOptions.Read(RequestBody.OptionsJson(request), request.Query);
        var context = Context(resource, name, "", request, new WriteOptions("DeleteOptions", options.IsDryRun, "", FieldValidation.Ignore, null, options.ToTree()));
        WarnOfOrphans(resource, options, request);
        if (resource.Strategy.WhyNotDeletable(name.Name) is { } why) throw StatusErrors.Forbidden(resource.GroupResource, name.Name, why);
        var result = await _deletes.DeleteAsync(context, options, cancel);
        var code = !result.IsDeleted && options.OrphanDependents == false ? 202 : 200;
        // Pods, Services and some more answer with what they were; all others say only that it is done.
        if (!result.IsDeleted || DeleteVerb.AnswersObject(resource.GroupResource)) return Answer(code, resource, result.Object);
        return new ObjectAnswer(code, TreeText.Write(SuccessTree(result.Status)), null);
    }

    private async ValueTask<ApiAnswer> DeleteCollectionAsync(ServedResource resource, ApiRequest request, CancellationToken cancel)
    {
        var selection = ListOptions.Read(request.Query, resource, isWatch: false, "");
        var options = DeleteOptions.Read(RequestBody.OptionsJson(request), request.Query);
        WarnOfOrphans(resource, options, request);
        var list = await _reads.ListAsync(resource, request.Info.Namespace, selection, cancel);
        var context = Context(resource, new(request.Info.Namespace, ""), "", request, new WriteOptions("DeleteOptions", options.IsDryRun, "", FieldValidation.Ignore, null, options.ToTree()));
        return await _deletes.DeleteCollectionAsync(context, list, options, cancel);
    }

    private static JsonObject SuccessTree(Status status)
    {
        var tree = status.ToTree();
        tree.Remove("code");
        return tree;
    }

    private async ValueTask<ApiAnswer> SpecialAsync(Route route, ISpecialEndpoint endpoint, ApiRequest request, CancellationToken cancel)
    {
        var resource = route.Resource;
        if (request.Info.Verb is not ("create" or "update" or "patch"))
        {
            var read = await endpoint.HandleAsync(new SpecialRequest(request, null, false, Cache, _writer), cancel);
            if (request.Info.Verb != "list") return new ObjectAnswer(read.Code, TreeText.Write(read.Object), route.AnswersObjects ? resource.Kind : null);
            var selection = ListOptions.Read(request.Query, resource, isWatch: false, PathName(request));
            List<KubeObject> selected = [];
            foreach (var (_, item) in read.Object.Items("items"))
            {
                var obj = KubeObject.Parse(TreeText.Write(item));
                if (selection.Selects(resource, obj)) selected.Add(obj);
            }
            return new ListAnswer(resource, selected, 0, "", null);
        }
        var options = WriteOptions.Read("CreateOptions", request);
        var type = BuiltInSchemas.FindKind(route.Kind) ?? throw StatusErrors.Internal($"the schema has no type for {route.Kind}");
        var name = NameOf(request, resource);
        var body = RequestBody.Decode(request, type, route.Kind, options.Validation);
        if (resource.IsNamespaced) ObjectRules.EnsureNamespace(body, resource, name.Namespace);
        var context = Context(resource, name, route.Subresource?.Name ?? "", request, options);
        endpoint.Default(body);
        ManagedFields.Update(null, body, context.FieldWrite with { Type = type, Kind = route.Kind });
        var admission = context.Admission(AdmissionOperation.Create, body, null, route.Kind);
        await _parts.Admission.MutateAsync(admission, cancel);
        await _parts.Admission.ValidateAsync(admission, cancel);
        context.Take(admission);
        var answer = await endpoint.HandleAsync(new SpecialRequest(request, admission.Object, options.IsDryRun, Cache, _writer), cancel);
        return new ObjectAnswer(answer.Code, TreeText.Write(answer.Object), null);
    }

    /// <summary>An update that creates needs the right to create too.</summary>
    private void AuthorizeCreate(ApiRequest request) => Authorize(AccessRules.AttributesOf(request.Info with { Verb = "create" }, request.User));
}
