using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;
using Bramble.Client;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>POST serviceaccounts/NAME/token: a token for a service account, perhaps bound to a pod, secret or node.</summary>
internal sealed class TokenRequestEndpoint(ServiceAccountTokenIssuer issuer, AuthenticationConfig config, TimeProvider time) : VirtualEndpoint(new("", "serviceaccounts"), "token")
{
    private static readonly GroupVersionKind Kind = new("authentication.k8s.io", "v1", "TokenRequest");

    /// <summary>The lifetime that kubelets ask for; clients of old pods do not read a renewed token file, so theirs lives a year and warns.</summary>
    private const long PodTokenSeconds = 3607;

    private static readonly TimeSpan ExtendedLifetime = TimeSpan.FromDays(365);
    private static readonly TimeSpan LifetimeMin = TimeSpan.FromMinutes(10);
    private const long LifetimeMaxSeconds = 1L << 32;

    public override void Default(JsonObject body)
    {
        if (!body.Child("spec").Has("expirationSeconds")) body.Child("spec")["expirationSeconds"] = 3600;
    }

    protected override ValueTask<JsonObject> CreateAsync(SpecialRequest request, JsonObject body, CancellationToken cancel)
    {
        var (ns, name) = (request.Info.Namespace, request.Info.Name);
        var metadata = body.Child("metadata");
        MustMatch(metadata.Text("name"), name, "metadata.name", "must match the service account name if specified", name);
        MustMatch(metadata.Text("namespace"), ns, "metadata.namespace", "must match the service account namespace if specified", name);
        if (request.Reader.Find(new("", "serviceaccounts"), new(ns, name)) is not { } account) throw StatusErrors.NotFound(new("", "serviceaccounts"), name);
        if (metadata.Text("uid") is { Length: > 0 } uid && uid != account.Uid)
            throw StatusErrors.Conflict(new(Kind.Group, Kind.Kind), name, $"the UID in the token request ({uid}) does not match the UID of the service account ({account.Uid})");

        var spec = body.Child("spec");
        var apiAudiences = Authenticators.AudiencesOf(config);
        if (spec.Count("audiences") == 0) spec["audiences"] = List(apiAudiences);
        metadata["name"] = name;
        metadata["namespace"] = ns;
        metadata["uid"] = account.Uid;
        var now = time.GetUtcNow();
        metadata["creationTimestamp"] = KubernetesTime.Write(now);
        Validate(spec.Long("expirationSeconds"));

        var audiences = spec.Texts("audiences").ToList();
        var claims = Bind(request, spec.Object("boundObjectRef"), new TokenClaims(new(ns, name), account.Uid, audiences, TimeSpan.Zero));
        var longestSeconds = (long)config.ServiceAccountMaxTokenExpiration.TotalSeconds;
        if (longestSeconds > 0 && spec.Long("expirationSeconds") > longestSeconds)
        {
            request.Request.Warnings.Add($"requested expiration of {spec.Long("expirationSeconds")} seconds shortened to {longestSeconds} seconds");
            spec["expirationSeconds"] = longestSeconds;
        }
        var lifetime = TimeSpan.FromSeconds(spec.Long("expirationSeconds"));
        claims = config.ExtendsTokenExpiration && claims.Pod is not null && spec.Long("expirationSeconds") == PodTokenSeconds && audiences.All(apiAudiences.Contains)
            ? claims with { WarnAfter = lifetime, Lifetime = ExtendedLifetime }
            : claims with { Lifetime = lifetime };

        if (!spec.Has("boundObjectRef")) spec["boundObjectRef"] = null;
        body["status"] = new JsonObject { ["token"] = issuer.Issue(claims), ["expirationTimestamp"] = KubernetesTime.Write(now + lifetime) };
        return new(body);
    }

    private static void MustMatch(string given, string wanted, string field, string why, string name)
    {
        if (given.Length == 0 || given == wanted) return;
        var errors = new FieldErrors();
        errors.Invalid(field, given, why);
        throw StatusErrors.Invalid(Kind, name, errors);
    }

    private static void Validate(long seconds)
    {
        var errors = new FieldErrors();
        if (seconds < LifetimeMin.TotalSeconds) errors.Invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes");
        if (seconds > LifetimeMaxSeconds) errors.Invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds");
        if (errors.Count > 0) throw StatusErrors.Invalid(Kind, "", errors);
    }

    private static TokenClaims Bind(SpecialRequest request, JsonObject? reference, TokenClaims claims)
    {
        if (reference is null) return claims;
        var kind = reference.Text("kind");
        GroupVersion.TryParse(reference.Text("apiVersion"), out var version);
        var (resource, ns) = (version.Group, kind) switch
        {
            ("", "Pod") => ("pods", claims.Account.Namespace),
            ("", "Node") => ("nodes", ""),
            ("", "Secret") => ("secrets", claims.Account.Namespace),
            _ => throw StatusErrors.BadRequest($"cannot bind token to object of type {new GroupVersionKind(version.Group, version.Version, kind)}"),
        };
        var name = reference.Text("name");
        if (request.Reader.Find(new("", resource), new(ns, name)) is not { } found) throw StatusErrors.NotFound(new("", resource), name);
        if (kind == "Pod") claims = BindPod(request, found, claims);
        else if (kind == "Node") claims = claims with { Node = new BoundObject(name, found.Uid) };
        else claims = claims with { Secret = new BoundObject(name, found.Uid) };
        if (reference.Text("uid") is { Length: > 0 } uid && uid != found.Uid)
            throw StatusErrors.Conflict(
                new("", kind), name, $"the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated");
        return claims;
    }

    private static TokenClaims BindPod(SpecialRequest request, KubeObject pod, TokenClaims claims)
    {
        var spec = pod.ToTree().Object("spec");
        if (spec.Text("serviceAccountName") != claims.Account.Name)
            throw StatusErrors.BadRequest($"cannot bind token for serviceaccount {FieldError.Quote(claims.Account.Name)} to pod running with different serviceaccount name.");
        claims = claims with { Pod = new BoundObject(pod.Name.Name, pod.Uid) };
        if (spec.Text("nodeName") is not { Length: > 0 } node) return claims;
        return claims with { Node = new BoundObject(node, request.Reader.Find(new("", "nodes"), new("", node))?.Uid ?? "") };
    }
}
