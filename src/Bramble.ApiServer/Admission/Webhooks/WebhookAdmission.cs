using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Patching;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Admission.Webhooks;

/// <summary>What both kinds of webhook plugins share: the configured webhooks that a request concerns, and one call.</summary>
internal abstract class WebhookAdmission(string configurations, IAuthorizer authorizer, Func<string, int, CancellationToken, ValueTask<Stream>>? dialPod) : IAdmissionPlugin
{
    private static readonly HashSet<string> ExemptKinds = new(StringComparer.Ordinal)
    {
        "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding",
    };

    private readonly GroupResource _configurations = new("admissionregistration.k8s.io", configurations);
    private readonly ConditionalWeakTable<KubeObject, IReadOnlyList<Webhook>> _known = [];
    private readonly WebhookClient _client = new(dialPod);

    public abstract string Name { get; }

    /// <summary>Webhooks cannot forbid their own removal.</summary>
    public bool Handles(AdmissionRequest request) => !(request.Kind.Group == "admissionregistration.k8s.io" && ExemptKinds.Contains(request.Kind.Kind));

    public virtual ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel) => default;

    public virtual ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel) => default;

    /// <summary>By name of the configuration, then in its order.</summary>
    protected IEnumerable<Webhook> Configured(AdmissionRequest request) =>
        request.Reader.List(_configurations).OrderBy(c => c.Name.Name, StringComparer.Ordinal).SelectMany(c => _known.GetValue(c, Read));

    private IReadOnlyList<Webhook> Read(KubeObject configuration) => [.. (configuration.ToTree().Array("webhooks") ?? []).OfType<JsonObject>().Select(tree => new Webhook(tree, authorizer))];

    /// <param name="seen">The request as the webhook sees it.</param>
    /// <returns>Null: the call failed and the webhook's policy is to go on.</returns>
    /// <exception cref="StatusException">Refused, or failed where that is a refusal.</exception>
    protected async Task<WebhookVerdict?> CallAsync(Webhook webhook, AdmissionRequest request, AdmissionRequest seen, bool isMutating, CancellationToken cancel)
    {
        if (request.IsDryRun && !webhook.SupportsDryRun) throw StatusErrors.BadRequest($"admission webhook \"{webhook.Name}\" does not support dry run");
        WebhookVerdict? verdict;
        try
        {
            if (AdmissionReviews.Version(webhook) is not { } version)
                throw new WebhookCallException("could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)");
            var uid = Guid.NewGuid().ToString();
            var answer = await _client.PostAsync(webhook, AdmissionReviews.Question(seen, version, uid), request.Reader, cancel);
            verdict = AdmissionReviews.Answer(answer, version, uid, isMutating, out var error);
            if (verdict is null || error.Length > 0) throw new WebhookCallException($"received invalid webhook response: {error}");
        }
        catch (WebhookCallException e)
        {
            if (webhook.IgnoresFailure) return null; // failurePolicy: Ignore says so
            throw StatusErrors.Internal($"failed calling webhook \"{webhook.Name}\": {e.Message}");
        }
        lock (request.Warnings) request.Warnings.AddRange(verdict.Warnings);
        return verdict.IsAllowed ? verdict : throw Denied(webhook, verdict.Result);
    }

    private static StatusException Denied(Webhook webhook, JsonObject? result)
    {
        var by = $"admission webhook \"{webhook.Name}\" denied the request";
        var (message, reason) = (result.Text("message"), result.Text("reason"));
        var text = message.Length > 0 ? $"{by}: {message}" : reason.Length > 0 ? $"{by}: {reason}" : $"{by} without explanation";
        var details = result.Object("details") is { } d
            ? new StatusDetails(d.Text("name"), d.Text("group"), d.Text("kind"), [.. (d.Array("causes") ?? []).OfType<JsonObject>().Select(c => new StatusCause(c.Text("reason"), c.Text("message"), c.Text("field")))])
            : null;
        return new StatusException(new Status(Math.Max(400, (int)result.Long("code")), reason, text, details));
    }
}

/// <summary>MutatingAdmissionWebhook: one after the other; who asked for it (reinvocationPolicy IfNeeded) is called once more when a later one changed the object.</summary>
internal sealed class MutatingAdmissionWebhook(IAuthorizer authorizer, Func<string, int, CancellationToken, ValueTask<Stream>>? dialPod) : WebhookAdmission("mutatingwebhookconfigurations", authorizer, dialPod)
{
    public override string Name => "MutatingAdmissionWebhook";

    public override async ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var rounds = request.Reinvocation.Of(Name);
        rounds.Enter(request.Object);
        foreach (var webhook in Configured(request))
        {
            if (webhook.Match(request) is not { } seen || !rounds.MayCall(webhook)) continue;
            rounds.Called(webhook, webhook.MayBeReinvoked, await ApplyAsync(webhook, request, seen, cancel));
        }

        rounds.Leave(request.Object);
    }

    /// <returns>True: the object is another one now.</returns>
    private async Task<bool> ApplyAsync(Webhook webhook, AdmissionRequest request, AdmissionRequest seen, CancellationToken cancel)
    {
        if (await CallAsync(webhook, request, seen, isMutating: true, cancel) is not { Patch: { Length: > 0 } patch }) return false;
        if (request.Object is not { } obj) throw StatusErrors.Internal($"admission webhook \"{webhook.Name}\" attempted to modify the object, which is not supported for this operation");
        if (seen.ObjectType is not { } type) throw StatusErrors.Internal($"no schema for {seen.Kind}");
        var patched = request.TakeBack(Patched(seen.Object!, patch, type, seen), obj);
        var changed = !TreeEquality.Same(obj, patched);
        request.Object = patched;
        return changed;
    }

    /// <summary>A patch that does not apply is the webhook's fault, not the client's.</summary>
    private static JsonObject Patched(JsonObject obj, byte[] patch, SchemaType type, AdmissionRequest request)
    {
        try
        {
            return ObjectPatcher.Patch(obj, patch, Bramble.Api.Patching.PatchType.Json, type, request.Kind, FieldValidation.Ignore).Tree;
        }
        catch (StatusException e)
        {
            throw StatusErrors.Internal(e.Message);
        }
    }
}

/// <summary>ValidatingAdmissionWebhook: all at the same time; the first refusal is the answer.</summary>
internal sealed class ValidatingAdmissionWebhook(IAuthorizer authorizer, Func<string, int, CancellationToken, ValueTask<Stream>>? dialPod) : WebhookAdmission("validatingwebhookconfigurations", authorizer, dialPod)
{
    public override string Name => "ValidatingAdmissionWebhook";

    public override async ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        List<Task>? calls = null;
        foreach (var webhook in Configured(request))
            if (webhook.Match(request) is { } seen) (calls ??= []).Add(CallAsync(webhook, request, seen, isMutating: false, cancel));
        if (calls is not null) await Task.WhenAll(calls);
    }
}
