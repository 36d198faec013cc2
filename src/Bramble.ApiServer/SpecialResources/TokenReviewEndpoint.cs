using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>POST tokenreviews: who does this token belong to, and is it good for these audiences?</summary>
internal sealed class TokenReviewEndpoint(AuthenticationChain authentication, IReadOnlyList<string> apiAudiences) : VirtualEndpoint(new("authentication.k8s.io", "tokenreviews"))
{
    protected override ValueTask<JsonObject> CreateAsync(SpecialRequest request, JsonObject body, CancellationToken cancel)
    {
        var spec = body.Object("spec");
        var token = spec.Text("token");
        if (token.Length == 0) throw StatusErrors.BadRequest("token is required for TokenReview in authentication");
        var asked = spec.Texts("audiences").ToList();
        var audiences = asked.Count > 0 ? asked : apiAudiences;

        var answer = authentication.AuthenticateToken(new Credentials(null, new HeaderDictionary { ["Authorization"] = $"Bearer {token}" }) { Audiences = audiences });
        if (answer.Warning is { } warning) request.Request.Warnings.Add(warning);
        var status = new JsonObject();
        if (answer.User is { } user)
        {
            // An authenticator that knows no audiences vouches for none.
            if (answer.Audiences is not { } accepted || !accepted.Any(audiences.Contains)) throw StatusErrors.Internal("error validating audiences");
            status["authenticated"] = true;
            status["user"] = UserTree.Write(user);
            status["audiences"] = List(accepted);
        }
        else
        {
            status["user"] = new JsonObject();
            if (answer.Error is { } error) status["error"] = error;
        }
        body["status"] = status;
        return new(body);
    }
}
