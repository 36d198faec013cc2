using System.Globalization;
using Bramble.Api.Errors;
using Bramble.Api.Selectors;
using Bramble.ApiServer.Requests;
using Bramble.Client;

namespace Bramble.ApiServer.Verbs;

/// <summary>What a list, watch or deletecollection asks for; checks and messages of apimachinery's ListOptions.</summary>
internal sealed record ListOptions
{
    public LabelSelector Labels { get; init; } = LabelSelector.Everything;
    public FieldSelector Fields { get; init; } = FieldSelector.Everything;
    public string ResourceVersion { get; init; } = "";
    public string Match { get; init; } = "";
    public long Limit { get; init; }
    public string Continue { get; init; } = "";
    public long? TimeoutSeconds { get; init; }
    public bool AllowsBookmarks { get; init; }

    /// <summary>Null: neither asked for nor implied.</summary>
    public bool? SendInitialEvents { get; init; }

    public bool HasSelector => !Labels.IsEmpty || !Fields.IsEmpty;

    /// <param name="isWatch">The request is a watch.</param>
    /// <param name="name">The name in the path of a watch of one object; empty: none.</param>
    public static ListOptions Read(QueryParameters query, ServedResource resource, bool isWatch, string name)
    {
        var options = new ListOptions
        {
            ResourceVersion = query["resourceVersion"],
            Match = query["resourceVersionMatch"],
            TimeoutSeconds = RequestOptions.Long(query, "timeoutSeconds"),
            Limit = RequestOptions.Long(query, "limit") ?? 0,
            Continue = query["continue"],
            AllowsBookmarks = query.IsTrue("allowWatchBookmarks"),
            SendInitialEvents = RequestOptions.Bool(query, "sendInitialEvents"),
            Labels = ParseLabels(query["labelSelector"]),
            Fields = ParseFields(query["fieldSelector"]),
        };
        // A watch from the start is a list and a watch in one (WatchList).
        if (options.SendInitialEvents is null && options.Match.Length == 0 && isWatch && options.ResourceVersion is "" or "0")
            options = options with { SendInitialEvents = true, Match = "NotOlderThan" };
        options.Check(isWatch);
        foreach (var term in options.Fields.Terms) CheckField(resource, term.Field);
        if (name.Length == 0) return options;
        if (options.Fields.IsEmpty) return options with { Fields = FieldSelector.Parse($"metadata.name={name}") };
        if (options.Fields.RequiredValue("metadata.name") != name) throw StatusErrors.BadRequest("fieldSelector metadata.name doesn't match requested name");
        return options;
    }

    /// <summary>The resourceVersion as a number; 0 when it is empty.</summary>
    public long Revision() => ParseRevision(ResourceVersion);

    public static long ParseRevision(string text) => ReadRevision(text) ?? throw new StatusException(new Status(500, "", NoRevision(text)));

    /// <summary>A list answers 400 where a get and a watch answer 500.</summary>
    public void CheckListRevision()
    {
        if (ReadRevision(ResourceVersion) is null) throw StatusErrors.BadRequest($"invalid resource version: {NoRevision(ResourceVersion)}");
    }

    private static long? ReadRevision(string text)
    {
        if (text.Length == 0) return 0;
        if (!ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return null;
        return number > long.MaxValue ? long.MaxValue : (long)number;
    }

    private static string NoRevision(string text) => $"resourceVersion: Invalid value: {FieldError.Quote(text)}: strconv.ParseUint: parsing {FieldError.Quote(text)}: invalid syntax";

    /// <summary>True when an object is selected.</summary>
    public bool Selects(ServedResource resource, KubeObject obj) =>
        (Labels.IsEmpty || Labels.Matches(obj.Json.Span)) && (Fields.IsEmpty || FieldMatch.Of(Fields, resource, obj));

    private static LabelSelector ParseLabels(string text)
    {
        try
        {
            return LabelSelector.Parse(text);
        }
        catch (FormatException e)
        {
            throw StatusErrors.BadRequest(e.Message);
        }
    }

    private static FieldSelector ParseFields(string text)
    {
        try
        {
            return FieldSelector.Parse(text);
        }
        catch (FormatException e)
        {
            throw StatusErrors.BadRequest(e.Message);
        }
    }

    private static void CheckField(ServedResource resource, string field)
    {
        // Kinds with selectable fields of their own name them all; some of those leave metadata.namespace out.
        if (field == "metadata.name" || resource.Strategy.SelectableFields.Contains(field)) return;
        var own = (resource.Api.Group, resource.Api.Plural);
        if (field == "metadata.namespace" && (resource.Api.IsBuiltIn || resource.IsNamespaced) && own is not (("", "nodes") or ("", "namespaces") or ("certificates.k8s.io", _) or ("resource.k8s.io", "resourceslices"))) return;
        throw StatusErrors.BadRequest(resource.Strategy.UnknownFieldMessage(field)
            ?? (resource.Api.IsBuiltIn
                ? $"{FieldError.Quote(field)} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                : $"field label not supported: {field}"));
    }

    private void Check(bool isWatch)
    {
        var errors = new FieldErrors();
        if (isWatch)
        {
            if (SendInitialEvents is not null && Match != "NotOlderThan")
                errors.Forbidden("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
            if (Match.Length > 0)
            {
                if (SendInitialEvents is null) errors.Forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
                if (Match != "NotOlderThan") errors.NotSupported("resourceVersionMatch", Match, ["NotOlderThan"]);
                if (Continue.Length > 0) errors.Forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
            }
        }
        else
        {
            if (Match.Length > 0)
            {
                if (ResourceVersion.Length == 0) errors.Forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided");
                if (Continue.Length > 0) errors.Forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
                if (Match is not ("Exact" or "NotOlderThan")) errors.NotSupported("resourceVersionMatch", Match, ["Exact", "NotOlderThan", ""]);
                if (Match == "Exact" && ResourceVersion == "0")
                    errors.Forbidden("resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
            }
            if (SendInitialEvents is not null) errors.Forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
        }
        if (errors.Count > 0) throw RequestOptions.Invalid("ListOptions", errors);
    }
}
