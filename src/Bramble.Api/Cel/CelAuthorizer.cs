using Bramble.Api.Naming;

namespace Bramble.Api.Cel;

/// <summary>What an expression asks of <c>authorizer</c>. <c>Path</c> not empty: a URL path, and no resource. <c>ServiceAccount</c>: asked for this account; null: for who made the request.</summary>
public sealed record CelAccess
{
    public (string Namespace, string Name)? ServiceAccount { get; init; }
    public string Path { get; init; } = "";
    public string Group { get; init; } = "";
    public string Resource { get; init; } = "";
    public string Subresource { get; init; } = "";
    public string Namespace { get; init; } = "";
    public string Name { get; init; } = "";
    public string FieldSelector { get; init; } = "";
    public string LabelSelector { get; init; } = "";
    public string Verb { get; init; } = "";
}

/// <summary>The answer. <c>Error</c>: what went wrong in finding out; null: nothing.</summary>
public sealed record CelAccessAnswer(bool IsAllowed, string Reason, string? Error = null) : ICelLibraryValue
{
    string ICelLibraryValue.LibraryType => "Decision";
}

/// <summary>A question to the authorizer, as far as it is put together: <c>authorizer</c>, <c>.group('')</c>, <c>.resource('pods')</c>…</summary>
/// <param name="Stage">Authorizer, PathCheck, GroupCheck or ResourceCheck.</param>
internal sealed record CelAuthorizer(Func<CelAccess, CelAccessAnswer> Ask, CelAccess Access, string Stage) : ICelLibraryValue
{
    public string LibraryType => Stage;

    public static object? Call(string function, object?[] a) => (function, a) switch
    {
        ("path", [CelAuthorizer { Stage: "Authorizer" } own, string path]) => path.Trim().Length == 0 ? new CelFault("path must not be empty") : own.With(own.Access with { Path = path }, "PathCheck"),
        ("group", [CelAuthorizer { Stage: "Authorizer" } own, string group]) => own.With(own.Access with { Group = group }, "GroupCheck"),
        ("serviceAccount", [CelAuthorizer { Stage: "Authorizer" } own, string ns, string name]) => Names.DnsSubdomain(name).Count > 0 ? new CelFault("Invalid service account name")
            : Names.DnsLabel(ns).Count > 0 ? new CelFault("Invalid service account namespace")
            : own.With(own.Access with { ServiceAccount = (ns, name) }, "Authorizer"),
        ("resource", [CelAuthorizer { Stage: "GroupCheck" } own, string resource]) => resource.Trim().Length == 0 ? new CelFault("resource must not be empty")
            : own.With(own.Access with { Resource = resource }, "ResourceCheck"),
        ("subresource", [CelAuthorizer { Stage: "ResourceCheck" } own, string text]) => own.With(own.Access with { Subresource = text }, own.Stage),
        ("namespace", [CelAuthorizer { Stage: "ResourceCheck" } own, string text]) => own.With(own.Access with { Namespace = text }, own.Stage),
        ("name", [CelAuthorizer { Stage: "ResourceCheck" } own, string text]) => own.With(own.Access with { Name = text }, own.Stage),
        ("fieldSelector", [CelAuthorizer { Stage: "ResourceCheck" } own, string text]) => own.With(own.Access with { FieldSelector = text }, own.Stage),
        ("labelSelector", [CelAuthorizer { Stage: "ResourceCheck" } own, string text]) => own.With(own.Access with { LabelSelector = text }, own.Stage),
        ("check", [CelAuthorizer { Stage: "PathCheck" or "ResourceCheck" } own, string verb]) => own.Ask(own.Access with { Verb = verb }),
        ("allowed", [CelAccessAnswer answer]) => answer.IsAllowed,
        ("errored", [CelAccessAnswer answer]) => answer.Error is not null,
        ("error", [CelAccessAnswer answer]) => answer.Error ?? "",
        ("reason", [CelAccessAnswer answer]) => answer.Reason,
        _ => null,
    };

    private CelAuthorizer With(CelAccess access, string stage) => new(Ask, access, stage);
}
