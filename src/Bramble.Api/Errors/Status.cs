using System.Text.Json.Nodes;

namespace Bramble.Api.Errors;

/// <summary>One cause in the details of a <see cref="Status"/>.</summary>
public sealed record StatusCause(string Reason, string Message, string? Field = null);

/// <summary>What a <see cref="Status"/> is about. <c>RetryAfterSeconds</c>: 0 = not said.</summary>
public sealed record StatusDetails(
    string? Name = null,
    string? Group = null,
    string? Kind = null,
    IReadOnlyList<StatusCause>? Causes = null,
    int RetryAfterSeconds = 0,
    string? Uid = null);

/// <summary>Kubernetes' answer to a request that failed (meta/v1 Status). Its text is upstream's to the byte.</summary>
public sealed record Status(int Code, string Reason, string Message, StatusDetails? Details = null)
{
    /// <summary>Of a list that cannot go on consistently: the token with which it can go on inconsistently.</summary>
    public string Continue { get; init; } = "";

    /// <summary>The wire form, fields in upstream's order.</summary>
    public JsonObject ToTree()
    {
        var tree = new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = Continue.Length > 0 ? new JsonObject { ["continue"] = Continue } : new JsonObject(),
            ["status"] = Code is >= 200 and < 300 ? "Success" : "Failure",
        };
        if (Message.Length > 0) tree["message"] = Message;
        if (Reason.Length > 0) tree["reason"] = Reason;
        if (Details is { } details)
        {
            var node = new JsonObject();
            if (!string.IsNullOrEmpty(details.Name)) node["name"] = details.Name;
            if (!string.IsNullOrEmpty(details.Group)) node["group"] = details.Group;
            if (!string.IsNullOrEmpty(details.Kind)) node["kind"] = details.Kind;
            if (!string.IsNullOrEmpty(details.Uid)) node["uid"] = details.Uid;
            if (details.Causes is { Count: > 0 } causes)
            {
                var list = new JsonArray();
                foreach (var cause in causes)
                {
                    var item = new JsonObject();
                    if (cause.Reason.Length > 0) item["reason"] = cause.Reason;
                    if (cause.Message.Length > 0) item["message"] = cause.Message;
                    if (!string.IsNullOrEmpty(cause.Field)) item["field"] = cause.Field;
                    list.Add((JsonNode)item);
                }
                node["causes"] = list;
            }
            if (details.RetryAfterSeconds > 0) node["retryAfterSeconds"] = details.RetryAfterSeconds;
            tree["details"] = node;
        }
        tree["code"] = Code;
        return tree;
    }
}

/// <summary>A request ends with this <see cref="Status"/>. Thrown only where a request's own code unwinds; a lost race inside is a value.</summary>
public sealed class StatusException(Status status) : Exception(status.Message)
{
    public Status Status { get; } = status;

    public bool IsNotFound => Status.Code == 404;
    public bool IsConflict => Status is { Code: 409, Reason: "Conflict" };

    /// <summary>The namespace is going and takes nothing new.</summary>
    public bool IsNamespaceTerminating => Status.Details?.Causes?.Any(c => c.Reason == "NamespaceTerminating") == true;
    public bool IsAlreadyExists => Status is { Code: 409, Reason: "AlreadyExists" };
}
