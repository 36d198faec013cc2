using System.Collections.Concurrent;
using Bramble.Api.Errors;
using Bramble.ApiServer.Authorization;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Authentication;

/// <summary>Impersonate-User, -Group, -Uid and -Extra-*. KEP-5284 (constrained impersonation): the narrow modes are tried first, each needing the verb
/// <c>impersonate:MODE</c> on the user and <c>impersonate-on:MODE:VERB</c> on what is requested; then the old verb <c>impersonate</c>. The first refusal is the
/// answer, so the mode that last worked for a requester is asked first. Thread-safe.</summary>
public sealed class Impersonation(IAuthorizer authorizer)
{
    /// <summary>From here on groups and extras are tried with one wildcard question first.</summary>
    private const int ManyQuestions = 4;

    /// <summary>More requesters than this are not remembered; they only pay with a few more questions.</summary>
    private const int RememberedMax = 10_000;

    private static readonly Mode[] Modes = [Mode.AssociatedNode, Mode.ArbitraryNode, Mode.ServiceAccount, Mode.UserInfo, Mode.Legacy];

    private readonly ConcurrentDictionary<string, Mode> _lastMode = new(StringComparer.Ordinal);

    private enum Mode { AssociatedNode, ArbitraryNode, ServiceAccount, UserInfo, Legacy }

    /// <param name="attributes">The request as the requester makes it.</param>
    /// <returns>The user to go on with: the requester itself where no header asks for another.</returns>
    /// <exception cref="StatusException">400: headers that do not fit together; 403: not allowed.</exception>
    public UserInfo Apply(AccessAttributes attributes, IHeaderDictionary headers)
    {
        if (ImpersonationRequest.Read(headers) is not { } wanted) return attributes.User;
        StatusException? first = null;
        var last = _lastMode.TryGetValue(attributes.User.Name, out var known) ? known : (Mode?)null;
        foreach (var mode in last is { } l ? Modes.Where(m => m != l).Prepend(l) : Modes)
        {
            if (!Fits(mode, wanted, attributes.User)) continue;
            var refusal = Check(mode, wanted, attributes, out var user);
            if (refusal is null)
            {
                if (last != mode && _lastMode.Count < RememberedMax) _lastMode[attributes.User.Name] = mode;
                return user;
            }
            first ??= refusal;
        }
        throw first!; // the legacy mode fits everybody
    }

    private static bool Fits(Mode mode, ImpersonationRequest wanted, UserInfo requester) => mode switch
    {
        Mode.AssociatedNode => wanted.IsOnlyName && NodeName.TryParseUser(wanted.Name, out var node) && ServiceAccountName.TryParseUser(requester.Name, out _)
            && requester.Extra?.GetValueOrDefault("authentication.kubernetes.io/node-name") is [var own] && own == node,
        Mode.ArbitraryNode => wanted.IsOnlyName && NodeName.TryParseUser(wanted.Name, out _),
        Mode.ServiceAccount => wanted.IsOnlyName && ServiceAccountName.TryParseUser(wanted.Name, out _),
        Mode.UserInfo => !NodeName.TryParseUser(wanted.Name, out _) && !ServiceAccountName.TryParseUser(wanted.Name, out _),
        _ => true,
    };

    private StatusException? Check(Mode mode, ImpersonationRequest wanted, AccessAttributes request, out UserInfo user)
    {
        user = request.User;
        if (mode == Mode.Legacy) return CheckUser(mode, "impersonate", wanted, request.User, out user);
        var name = mode switch
        {
            Mode.AssociatedNode => "associated-node",
            Mode.ArbitraryNode => "arbitrary-node",
            Mode.ServiceAccount => "serviceaccount",
            _ => "user-info",
        };
        return Ask(request with { Verb = $"impersonate-on:{name}:{request.Verb}" }) ?? CheckUser(mode, $"impersonate:{name}", wanted, request.User, out user);
    }

    private StatusException? CheckUser(Mode mode, string verb, ImpersonationRequest wanted, UserInfo requester, out UserInfo user)
    {
        var constrained = mode != Mode.Legacy;
        var group = constrained ? "authentication.k8s.io" : "";
        AccessAttributes On(string apiGroup, string resource, string name) => new(requester, verb, apiGroup, "v1", resource, "", "", name, true, "");

        user = requester;
        var groups = wanted.Groups;
        var question = On(group, "users", wanted.Name);
        if (constrained && NodeName.TryParseUser(wanted.Name, out var node))
        {
            // Which node a service account sits on was checked already; the rule names all nodes.
            question = question with { Resource = "nodes", Name = mode == Mode.AssociatedNode ? "*" : node };
            groups = [NodeName.Group];
        }
        if (ServiceAccountName.TryParseUser(wanted.Name, out var account))
        {
            question = question with { Resource = "serviceaccounts", Namespace = account.Namespace, Name = account.Name };
            if (groups.Count == 0) groups = ServiceAccountName.Groups(account.Namespace);
        }
        if (Ask(question) is { } noUser) return noUser;
        if (wanted.Uid.Length > 0 && Ask(On("authentication.k8s.io", "uids", wanted.Uid)) is { } noUid) return noUid;
        if (CheckGroups(constrained, wanted.Groups, On(group, "groups", "")) is { } noGroup) return noGroup;
        if (CheckExtra(constrained, wanted.Extra, On("authentication.k8s.io", "userextras", "")) is { } noExtra) return noExtra;

        var implied = wanted.Name == UserInfo.Anonymous.Name ? "system:unauthenticated" : groups.Contains("system:unauthenticated") ? null : "system:authenticated";
        if (implied is not null && !groups.Contains(implied)) groups = [.. groups, implied];
        user = new UserInfo(wanted.Name, groups, wanted.Uid, wanted.Extra.Count == 0 ? null : wanted.Extra);
        return null;
    }

    private StatusException? CheckGroups(bool constrained, IReadOnlyList<string> groups, AccessAttributes question)
    {
        if (groups.Count == 0) return null;
        if (constrained)
        {
            if (groups.Contains("")) return AccessRules.Forbidden(question, "impersonating the empty string group is not allowed");
            if (groups.Contains("system:masters")) return AccessRules.Forbidden(question with { Name = "system:masters" }, "impersonating the system:masters group is not allowed");
            if (groups.Count >= ManyQuestions && Ask(question with { Name = "*" }) is null) return null;
        }
        return groups.Select(group => Ask(question with { Name = group })).FirstOrDefault(refusal => refusal is not null);
    }

    private StatusException? CheckExtra(bool constrained, IReadOnlyDictionary<string, IReadOnlyList<string>> extra, AccessAttributes question)
    {
        if (constrained)
        {
            if (extra.Select(e => ExtraComplaint(e.Key, e.Value)).FirstOrDefault(c => c is not null) is { } complaint) return AccessRules.Forbidden(question, complaint);
            if (extra.Sum(e => Math.Max(1, e.Value.Count)) >= ManyQuestions && Ask(question with { Subresource = "*", Name = "*" }) is null) return null;
        }
        return extra.SelectMany(e => e.Value.Select(value => Ask(question with { Subresource = e.Key, Name = value }))).FirstOrDefault(refusal => refusal is not null);
    }

    private static string? ExtraComplaint(string key, IReadOnlyList<string> values)
    {
        if (key.Length == 0) return "impersonating the empty string key in extra is not allowed";
        if (DomainPrefixedPath(key) is { } bad) return $"impersonating an invalid key in extra is not allowed: {bad}";
        if (values.Count == 0) return "impersonating empty values in extra is not allowed";
        return values.Contains("") ? "impersonating the empty string value in extra is not allowed" : null;
    }

    private static string? DomainPrefixedPath(string key)
    {
        var slash = key.IndexOf('/');
        if (slash <= 0 || slash == key.Length - 1) return new FieldError(FieldErrorType.Invalid, "extra.key", FieldError.Quote(key), "must be a domain-prefixed path (such as \"acme.io/foo\")").ToString();
        return Names.DnsSubdomain(key[..slash]).Select(why => new FieldError(FieldErrorType.Invalid, "extra.key", FieldError.Quote(key[..slash]), why).ToString()).FirstOrDefault();
    }

    private StatusException? Ask(AccessAttributes question)
    {
        var answer = authorizer.Authorize(question);
        if (answer.Decision == AccessDecision.Allow) return null;
        var why = (answer.EvaluationError, answer.Reason) switch
        {
            (null, var reason) => reason,
            ({ } error, "") => error,
            ({ } error, var reason) => $"{error}: {reason}",
        };
        return AccessRules.Forbidden(question, why);
    }
}
